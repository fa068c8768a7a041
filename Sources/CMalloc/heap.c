#define _GNU_SOURCE
#include "heap.h"

#include <malloc.h>
#include <sched.h>

// Before main: a thread gets a heap of its own until glibc knows of a limit, and Swift's threads are there when a
// program's first line runs.
//
// There are two heaps for each processor, where glibc would make eight, each with freed memory that the others can't use.
// With one for each, event loops wait for each other: 10 % of their CPU time. And up to 8 MiB of freed memory is kept: by
// default glibc gives back what exceeds 128 KiB, and messages of 60 KiB then fault the same pages in again and again, which
// more than halved their rate.
__attribute__((constructor)) static void set_up(void) {
    cpu_set_t allowed;
    int processors = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    mallopt(M_ARENA_MAX, 2 * processors);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

void stagecoach_trim(void) { malloc_trim(0); }
