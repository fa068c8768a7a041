#define _GNU_SOURCE
#include "measure.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int processes[MOST_PROCESSES], process_count;
static int are_servers[MOST_PROCESSES];

void fail(const char *what) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* Thirty-two steps for each power of two: three per cent. */
static unsigned bucket(uint64_t value) {
    if (value < 32) return value;
    unsigned power = 63 - __builtin_clzll(value);
    return (power - 4) * 32 + ((value >> (power - 5)) & 31);
}

static double bucket_value(unsigned index) {
    if (index < 32) return index;
    return (double)((32ull + index % 32) << (index / 32 - 1));
}

void record(Histogram *histogram, uint64_t nanoseconds) {
    histogram->buckets[bucket(nanoseconds)]++;
    histogram->count++;
    if (nanoseconds > histogram->worst) histogram->worst = nanoseconds;
}

double percentile(const Histogram *histogram, double share) {
    uint64_t wanted = histogram->count * share, seen = 0;
    for (unsigned index = 0; index < BUCKETS; index++) {
        seen += histogram->buckets[index];
        if (seen > wanted) return bucket_value(index) / 1e3;
    }
    return worst(histogram);
}

double worst(const Histogram *histogram) { return histogram->worst / 1e3; }

void watch_process(int pid, int is_server) {
    if (process_count == MOST_PROCESSES) fail("too many processes");
    are_servers[process_count] = is_server;
    processes[process_count++] = pid;
}

int watched_processes(void) { return process_count; }

double seconds_of_process(int index) {
    clockid_t clock;
    struct timespec time;
    if ((errno = clock_getcpuclockid(processes[index], &clock)) || clock_gettime(clock, &time)) fail("a process's clock");
    return time.tv_sec + time.tv_nsec / 1e9;
}

double processor_seconds(void) {
    double sum = 0;
    for (int index = 0; index < process_count; index++)
        if (are_servers[index]) sum += seconds_of_process(index);
    return sum;
}

double busy_seconds(void) {
    unsigned long long user, nice, system, idle, waiting, interrupts, soft;
    FILE *file = fopen("/proc/stat", "r");
    if (!file || fscanf(file, "%*[^\n] cpu0 %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &waiting,
                        &interrupts, &soft) != 7)
        fail("/proc/stat");
    fclose(file);
    return (double)(user + nice + system + interrupts + soft) / sysconf(_SC_CLK_TCK);
}

double chance(void) {
    static uint64_t state = 0x9e3779b97f4a7c15ull; /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 2685821657736338717ull >> 11) * 0x1p-53;
}
