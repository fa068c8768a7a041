/* What every tool measures with: the clock, a histogram, the processor time of other processes. */
#pragma once
#include <stdint.h>

enum { BUCKETS = 64 * 32, MOST_PROCESSES = 8 };

typedef struct {
    uint64_t buckets[BUCKETS], count, worst;
} Histogram;

/* Says what failed and ends with status 1: a figure with errors is no figure. */
void fail(const char *what) __attribute__((noreturn));

/* Nanoseconds of the monotonic clock, which all processes share. */
uint64_t now(void);

void record(Histogram *histogram, uint64_t nanoseconds);

/* In microseconds, to three per cent; 0 where nothing was recorded. */
double percentile(const Histogram *histogram, double share);
double worst(const Histogram *histogram);

/* A process whose processor time is asked for, as one of the servers or of what stands beside them. */
void watch_process(int pid, int is_server);

/* How many they are, and the seconds that one of them has used so far, user and system, its ended threads included. */
int watched_processes(void);
double seconds_of_process(int index);

/* The same of the servers together. */
double processor_seconds(void);

/* Seconds that the servers' processor, the first, has been busy with whatever it is. */
double busy_seconds(void);

/* Evenly spread over [0, 1), the same in each run. */
double chance(void);
