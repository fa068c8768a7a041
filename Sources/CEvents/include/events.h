// What a thread waits for that has many sockets. No header of the system is included here, as modules would quarrel over them.

// What is ready, or wanted: bits of `what`. Where news are wanted, only what is new since it was last told is; where the other
// side has ended, nothing new comes behind what there is to be read.
enum { stagecoach_readable = 1, stagecoach_writable = 2, stagecoach_news = 4, stagecoach_ended = 8 };

struct stagecoach_event {
    int descriptor;
    // What the watch was given, to tell it from an earlier one of the same descriptor.
    unsigned generation;
    int what;
};

// A set of watched descriptors; -1 with errno.
int stagecoach_events_open(void);

// Watches a descriptor, or watches it for something else. 0, or -1 with errno.
int stagecoach_events_watch(int set, int descriptor, unsigned generation, int what);

void stagecoach_events_forget(int set, int descriptor);

// Waits until something is ready, for so many milliseconds at most; -1 is for ever. Returns how many events there are.
int stagecoach_events_wait(int set, struct stagecoach_event *events, int most, int milliseconds);

// A descriptor that a thread can wait for and others make readable.
int stagecoach_bell(void);
void stagecoach_ring(int bell);
void stagecoach_hush(int bell);

// A bell that stays readable for as many reads as were added.
int stagecoach_turns(void);
void stagecoach_turns_add(int turns, unsigned count);

// A bell that rings by itself when its time has come.
int stagecoach_timer(void);

// Has it ring once, so many nanoseconds from now; at least one.
void stagecoach_timer_set(int timer, long long nanoseconds);

// Rings a bell when a set has something ready, so that who waits for the bell alone hears of all that the sets watch. The
// sets are told apart by bits, in their order: 1 and 2; the second may be -1.
struct stagecoach_relay {
    unsigned long context;
    int sets[2];
    int bell;
};

// 0, or -1 with errno: the kernel, or what confines the process, may not have it.
int stagecoach_relay_open(struct stagecoach_relay *relay, int first, int second, int bell);

// Has the bell rung once for each of these sets: at once where something is ready. 0, or -1 with errno.
int stagecoach_relay_arm(struct stagecoach_relay *relay, int sets);

// For which sets the bell has been rung since this was last asked.
int stagecoach_relay_rung(struct stagecoach_relay *relay);

void stagecoach_relay_close(struct stagecoach_relay *relay);

// The name of the thread that calls this, of 15 bytes at most.
void stagecoach_name_thread(const char *name);
