#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int limit(int resource, rlim_t value) {
    struct rlimit limits = {value, value};
    return setrlimit(resource, &limits);
}

// What the child does between vfork and execve: system calls alone, as it shares the parent's memory.
static int become(const struct stagecoach_program *program) {
    // A group of its own, so that what it starts in turn ends with it.
    if (setpgid(0, 0) != 0) return errno;
    // It ends with the thread that started it, whatever ends that.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    // Above 9 first: one of them may be a standard one already.
    int input = fcntl(program->input, F_DUPFD, 10);
    int output = fcntl(program->output, F_DUPFD, 10);
    int error = fcntl(program->error, F_DUPFD, 10);
    if (input < 0 || output < 0 || error < 0) return errno;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) return errno;
    if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0) return errno;
    limit(RLIMIT_CORE, 0);
    if (program->memory > 0 && limit(RLIMIT_DATA, program->memory) != 0) return errno;
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < 32; number++) sigaction(number, &standard, 0);
    sigset_t nothing;
    sigemptyset(&nothing);
    sigprocmask(SIG_SETMASK, &nothing, 0);
    execve(program->path, program->arguments, program->environment);
    return errno;
}

int stagecoach_start(const struct stagecoach_program *program) {
    // No handler of the parent's may run in the child.
    sigset_t everything, before;
    sigfillset(&everything);
    pthread_sigmask(SIG_SETMASK, &everything, &before);
    volatile int failure = 0;
    pid_t child = vfork();
    if (child == 0) {
        failure = become(program);
        _exit(127);
    }
    int problem = child < 0 ? errno : failure;
    if (child > 0 && problem != 0) {
        while (waitpid(child, 0, 0) < 0 && errno == EINTR) {}
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return problem != 0 ? -problem : child;
}

int stagecoach_watch(int process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}

int stagecoach_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}
