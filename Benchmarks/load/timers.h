/* What is due at which instant, the earliest first. */
#pragma once
#include <stdint.h>

typedef struct {
    uint64_t due;
    unsigned index, generation; /* of whom: a timer of an earlier generation is nobody's */
} Timer;

void add_timer(Timer timer);

/* The earliest, which is left in; NULL where there is none. */
const Timer *first_timer(void);
Timer take_first_timer(void);
