/* Ends the process at one of its calls that change a file, as SIGKILL would: a library to be preloaded.

   FAILPOINT_FILE   what the file's path must hold for a call to count
   FAILPOINT_AT     at which call, counted from 1
   FAILPOINT_AFTER  if it is set, once the call has been made; otherwise instead of it */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long calls;

static int is_due(const char *path) {
    const char *file = getenv("FAILPOINT_FILE"), *at = getenv("FAILPOINT_AT");
    return file && at && strstr(path, file) && atomic_fetch_add(&calls, 1) + 1 == atol(at);
}

static int is_due_for(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_due(path);
}

#define FAIL_AT(is_due, type, name, parameters, arguments)                                   \
    type name parameters {                                                                   \
        static type (*original) parameters;                                                  \
        if (!original) original = (type (*) parameters)dlsym(RTLD_NEXT, #name);              \
        int ends = is_due;                                                                   \
        if (ends && !getenv("FAILPOINT_AFTER")) raise(SIGKILL);                              \
        type result = original arguments;                                                    \
        if (ends) raise(SIGKILL);                                                            \
        return result;                                                                       \
    }

FAIL_AT(is_due_for(fd), ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
FAIL_AT(is_due_for(fd), ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
FAIL_AT(is_due_for(fd), ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
FAIL_AT(is_due_for(fd), int, fsync, (int fd), (fd))
FAIL_AT(is_due_for(fd), int, fdatasync, (int fd), (fd))
FAIL_AT(is_due_for(fd), int, ftruncate, (int fd, off_t length), (fd, length))
FAIL_AT(is_due_for(fd), int, ftruncate64, (int fd, off64_t length), (fd, length))
FAIL_AT(is_due(path), int, unlink, (const char *path), (path))
