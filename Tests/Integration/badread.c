/* A disk that can't read for a while: a library to be preloaded.

   BADREAD_FILE   what a file's path must hold for its reads to fail
   BADREAD_WHILE  they fail while there is a file of this name */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int descriptor) {
    const char *file = getenv("BADREAD_FILE"), *flag = getenv("BADREAD_WHILE");
    if (!file || !flag || access(flag, F_OK) != 0) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, file) != NULL;
}

#define FAIL_READ(name, parameters, arguments)                                               \
    ssize_t name parameters {                                                                \
        static ssize_t (*original) parameters;                                               \
        if (!original) original = (ssize_t (*) parameters)dlsym(RTLD_NEXT, #name);           \
        if (!fails(fd)) return original arguments;                                           \
        errno = EIO;                                                                         \
        return -1;                                                                           \
    }

FAIL_READ(read, (int fd, void *bytes, size_t count), (fd, bytes, count))
FAIL_READ(pread, (int fd, void *bytes, size_t count, off_t at), (fd, bytes, count, at))
FAIL_READ(pread64, (int fd, void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
