/* A disk that keeps only what was synced, and the loss of power: a library to be preloaded.

   POWERCUT_ROOT    the folder whose files are on that disk; what is in it at the start counts as synced
   POWERCUT_SHADOW  an empty folder beside it that gets what the disk keeps, for powercut.py:
                    f<ID> is the content of a file, as of its last sync
                    d<ID> lists a folder as of its last sync, a line for each entry: ID, 'f' or 'd', name
   POWERCUT_AT      at which call that changes the disk the process dies, counted from 1; never where it is absent
   POWERCUT_LEAK    how many writes in a hundred reach the disk though nobody asked, as a kernel writes back what it likes

   What is not synced may be kept or not; here it is not, but for what leaks. A file's sync does not keep its name, as
   POSIX has it. Memory that is mapped is not looked at: SQLite maps its index of the log alone, which it makes again. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGINAL(type, name, parameters)                                                    \
    static type (*original) parameters;                                                     \
    if (!original) original = (type (*) parameters)dlsym(RTLD_NEXT, #name)

struct range { off_t start, end; };

/* A file or folder, known by its inode for as long as it has a name. */
struct entry { ino_t inode; long id; struct range *dirty; size_t count, room; };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct entry *entries;
static size_t entry_count, entry_room;
static long next_id, calls, dies_at, leak;
static unsigned long chance = 88172645463325252UL;
static dev_t device;
static char root[4096], shadow[4096];
static int is_ready;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);

static struct entry *entry_of(ino_t inode, int make) {
    for (size_t index = 0; index < entry_count; index++)
        if (entries[index].inode == inode) return &entries[index];
    if (!make) return NULL;
    if (entry_count == entry_room) entries = realloc(entries, sizeof *entries * (entry_room = entry_room * 2 + 64));
    struct entry *entry = &entries[entry_count++];
    *entry = (struct entry){.inode = inode, .id = ++next_id};
    return entry;
}

/* The name is gone, and the inode may be another file's soon. */
static void forget(ino_t inode) {
    struct entry *entry = entry_of(inode, 0);
    if (!entry) return;
    free(entry->dirty);
    *entry = entries[--entry_count];
}

static void keep_range(int file, int copy, off_t start, off_t end) {
    static char bytes[1 << 16];
    while (start < end) {
        size_t wanted = end - start < (off_t)sizeof bytes ? (size_t)(end - start) : sizeof bytes;
        ssize_t length = pread(file, bytes, wanted, start);
        if (length <= 0) return;
        real_pwrite(copy, bytes, length, start);
        start += length;
    }
}

static int open_copy(struct entry *entry) {
    char path[8192];
    snprintf(path, sizeof path, "%s/f%ld", shadow, entry->id);
    return real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

/* Keeps what was written since the last sync, or all of a file. */
static void keep_file(int descriptor, struct entry *entry, int all) {
    char link[64];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int file = real_open(link, O_RDONLY | O_CLOEXEC), copy = open_copy(entry);
    if (file < 0 || copy < 0 || fstat(file, &status)) abort();
    if (all) keep_range(file, copy, 0, status.st_size);
    for (size_t index = 0; index < entry->count; index++)
        keep_range(file, copy, entry->dirty[index].start, entry->dirty[index].end);
    entry->count = 0;
    if (real_ftruncate(copy, status.st_size)) abort();
    close(file);
    close(copy);
}

static void keep_folder(const char *path, struct entry *entry) {
    char list[8192], draft[8192], name[8192];
    snprintf(list, sizeof list, "%s/d%ld", shadow, entry->id);
    snprintf(draft, sizeof draft, "%s/draft", shadow);
    DIR *folder = opendir(path);
    FILE *out = fopen(draft, "w");
    if (!folder || !out) abort();
    for (struct dirent *found; (found = readdir(folder));) {
        struct stat status;
        if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
        snprintf(name, sizeof name, "%s/%s", path, found->d_name);
        if (lstat(name, &status)) continue;
        fprintf(out, "%ld %c %s\n", entry_of(status.st_ino, 1)->id, S_ISDIR(status.st_mode) ? 'd' : 'f', found->d_name);
    }
    fclose(out);
    closedir(folder);
    real_rename(draft, list);
}

/* Everything that is there counts as synced. */
static void keep_all(const char *path) {
    struct stat status;
    if (lstat(path, &status)) abort();
    long id = entry_of(status.st_ino, 1)->id;
    if (S_ISREG(status.st_mode)) {
        int file = real_open(path, O_RDONLY | O_CLOEXEC);
        keep_file(file, entry_of(status.st_ino, 1), 1);
        close(file);
    } else if (S_ISDIR(status.st_mode)) {
        keep_folder(path, entry_of(status.st_ino, 1));
        DIR *folder = opendir(path);
        for (struct dirent *found; (found = readdir(folder));) {
            char name[8192];
            if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
            snprintf(name, sizeof name, "%s/%s", path, found->d_name);
            keep_all(name);
        }
        closedir(folder);
    }
    if (!strcmp(path, root)) {
        char line[8192];
        snprintf(line, sizeof line, "%s/root%ld", shadow, id);
        close(real_open(line, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
}

__attribute__((constructor)) static void begin(void) {
    real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    real_ftruncate = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
    real_rename = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    const char *at = getenv("POWERCUT_AT"), *leaks = getenv("POWERCUT_LEAK");
    struct stat status;
    if (!getenv("POWERCUT_ROOT") || !getenv("POWERCUT_SHADOW")) return;
    if (!realpath(getenv("POWERCUT_ROOT"), root) || !realpath(getenv("POWERCUT_SHADOW"), shadow)) abort();
    if (stat(root, &status)) abort();
    /* Programs that this one starts have disks of their own. */
    unsetenv("LD_PRELOAD");
    device = status.st_dev;
    dies_at = at ? atol(at) : 0;
    leak = leaks ? atol(leaks) : 0;
    chance += (unsigned long)dies_at * 2654435761UL;
    keep_all(root);
    is_ready = 1;
}

static void count_call(void) {
    if (++calls == dies_at) raise(SIGKILL);
}

static int leaks(void) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (long)(chance % 100) < leak;
}

/* Whether a descriptor is of a file or folder on the disk. */
static struct entry *on_disk(int descriptor, struct stat *status) {
    if (!is_ready || fstat(descriptor, status) || status->st_dev != device) return NULL;
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) return NULL;
    struct entry *entry = entry_of(status->st_ino, 0);
    if (entry) return entry;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)strlen(root)) return NULL;
    path[length] = 0;
    return strncmp(path, root, strlen(root)) ? NULL : entry_of(status->st_ino, 1);
}

static void written(int descriptor, off_t start, ssize_t length) {
    struct stat status;
    struct entry *entry = length > 0 ? on_disk(descriptor, &status) : NULL;
    if (!entry) return;
    struct range range = {start, start + length};
    if (leaks()) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        int file = real_open(link, O_RDONLY | O_CLOEXEC), copy = open_copy(entry);
        keep_range(file, copy, range.start, range.end);
        close(file);
        close(copy);
    }
    struct range *last = entry->count ? &entry->dirty[entry->count - 1] : NULL;
    if (last && last->end == range.start) {
        last->end = range.end;
        return;
    }
    if (entry->count == entry->room)
        entry->dirty = realloc(entry->dirty, sizeof range * (entry->room = entry->room * 2 + 64));
    entry->dirty[entry->count++] = range;
}

static int is_on_disk(int descriptor) {
    struct stat status;
    return on_disk(descriptor, &status) != NULL;
}

#define WRITE(name, parameters, arguments, start)                                           \
    ssize_t name parameters {                                                               \
        ORIGINAL(ssize_t, name, parameters);                                                \
        struct stat status;                                                                 \
        if (!is_ready || fstat(fd, &status) || !S_ISREG(status.st_mode)) return original arguments; \
        pthread_mutex_lock(&lock);                                                          \
        if (is_on_disk(fd)) count_call();                                                   \
        off_t at = start;                                                                   \
        ssize_t length = original arguments;                                                \
        written(fd, at, length);                                                            \
        pthread_mutex_unlock(&lock);                                                        \
        return length;                                                                      \
    }

WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t where), (fd, bytes, count, where), where)
WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t where), (fd, bytes, count, where), where)
WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, count),
      fcntl(fd, F_GETFL) & O_APPEND ? status.st_size : lseek(fd, 0, SEEK_CUR))

#define SYNC(name)                                                                          \
    int name(int fd) {                                                                      \
        struct stat status;                                                                 \
        pthread_mutex_lock(&lock);                                                          \
        struct entry *entry = on_disk(fd, &status);                                         \
        if (entry) {                                                                        \
            count_call();                                                                   \
            char link[64], path[4096];                                                      \
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);                            \
            ssize_t length = readlink(link, path, sizeof path - 1);                         \
            path[length < 0 ? 0 : length] = 0;                                              \
            if (S_ISDIR(status.st_mode)) keep_folder(path, entry);                          \
            else keep_file(fd, entry, 0);                                                   \
        }                                                                                   \
        pthread_mutex_unlock(&lock);                                                        \
        return 0;                                                                           \
    }

SYNC(fsync)
SYNC(fdatasync)

/* A length is kept with the next sync; what was cut off may be a hole by then. */
#define TRUNCATE(name, type)                                                                \
    int name(int fd, type length) {                                                         \
        ORIGINAL(int, name, (int, type));                                                   \
        struct stat status;                                                                 \
        pthread_mutex_lock(&lock);                                                          \
        int counts = on_disk(fd, &status) != NULL;                                          \
        if (counts) count_call();                                                           \
        int result = original(fd, length);                                                  \
        if (counts && !result) written(fd, length, status.st_size - length);                \
        pthread_mutex_unlock(&lock);                                                        \
        return result;                                                                      \
    }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int is_below_root(const char *path) {
    char folder[4096], real[4096];
    if (!is_ready) return 0;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *(slash == folder ? slash + 1 : slash) = 0;
    if (!realpath(slash ? folder : ".", real)) return 0;
    return !strncmp(real, root, strlen(root));
}

#define OPEN(name)                                                                          \
    int name(const char *path, int flags, ...) {                                            \
        ORIGINAL(int, name, (const char *, int, ...));                                      \
        va_list list;                                                                       \
        va_start(list, flags);                                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;             \
        va_end(list);                                                                       \
        if (!(flags & (O_CREAT | O_TRUNC)) || !is_below_root(path)) return original(path, flags, mode); \
        pthread_mutex_lock(&lock);                                                          \
        int is_new = access(path, F_OK) != 0;                                               \
        if (is_new) count_call();                                                           \
        int descriptor = original(path, flags, mode);                                       \
        struct stat status;                                                                 \
        if (is_new && descriptor >= 0 && !fstat(descriptor, &status)) {                     \
            forget(status.st_ino);                                                          \
            entry_of(status.st_ino, 1);                                                     \
        }                                                                                   \
        pthread_mutex_unlock(&lock);                                                        \
        return descriptor;                                                                  \
    }

OPEN(open)
OPEN(open64)

/* Makes, removes or renames a name, which the next sync of its folder keeps. */
#define CHANGE(name, parameters, arguments, path, before, after)                            \
    int name parameters {                                                                   \
        ORIGINAL(int, name, parameters);                                                    \
        if (!is_below_root(path)) return original arguments;                                \
        pthread_mutex_lock(&lock);                                                          \
        count_call();                                                                       \
        struct stat status;                                                                 \
        (void)status;                                                                       \
        before;                                                                             \
        int result = original arguments;                                                    \
        after;                                                                              \
        pthread_mutex_unlock(&lock);                                                        \
        return result;                                                                      \
    }

CHANGE(unlink, (const char *path), (path), path, int is_last = !lstat(path, &status) && status.st_nlink == 1,
       if (!result && is_last) forget(status.st_ino))
CHANGE(rename, (const char *from, const char *to), (from, to), to,
       int replaces = !lstat(to, &status) && status.st_nlink == 1, if (!result && replaces) forget(status.st_ino))
CHANGE(mkdir, (const char *path, mode_t mode), (path, mode), path, , if (!result && !lstat(path, &status)) {
    forget(status.st_ino);
    entry_of(status.st_ino, 1);
})
