#include "timers.h"
#include "measure.h"
#include <stdlib.h>

static Timer *heap;
static unsigned count, room;

static void swap(unsigned one, unsigned other) {
    Timer timer = heap[one];
    heap[one] = heap[other];
    heap[other] = timer;
}

void add_timer(Timer timer) {
    if (count == room && !(heap = realloc(heap, (room = room ? 2 * room : 256) * sizeof *heap))) fail("memory");
    unsigned at = count++;
    heap[at] = timer;
    for (; at && heap[at].due < heap[(at - 1) / 2].due; at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

const Timer *first_timer(void) { return count ? heap : 0; }

Timer take_first_timer(void) {
    Timer first = heap[0];
    heap[0] = heap[--count];
    for (unsigned at = 0, least; (least = 2 * at + 1) < count; at = least) {
        if (least + 1 < count && heap[least + 1].due < heap[least].due) least++;
        if (heap[at].due <= heap[least].due) break;
        swap(at, least);
    }
    return first;
}
