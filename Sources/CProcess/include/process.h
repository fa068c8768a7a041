// What Swift can't do itself for processes. No header of the system is included here, as modules would quarrel over them.

// A program to start: what execve takes, the descriptors that become its standard ones, and its limits.
struct stagecoach_program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int input;
    int output;
    int error;
    // Bytes of data; 0 is no limit.
    unsigned long memory;
};

// Starts it. Returns its process id, or the negated error.
int stagecoach_start(const struct stagecoach_program *program);

// A descriptor that becomes readable when the process ends; -1 with errno.
int stagecoach_watch(int process);

// The reading and the writing end of a pipe that other programs don't inherit; -1 with errno.
int stagecoach_pipe(int ends[2]);
