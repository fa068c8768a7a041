#define _GNU_SOURCE
#include "events.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int stagecoach_events_open(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int stagecoach_events_watch(int set, int descriptor, unsigned generation, int what) {
    struct epoll_event event = {0};
    if (what & stagecoach_readable) event.events |= EPOLLIN | EPOLLRDHUP;
    if (what & stagecoach_writable) event.events |= EPOLLOUT;
    if (what & stagecoach_news) event.events |= EPOLLET;
    event.data.u64 = (uint64_t)generation << 32 | (uint32_t)descriptor;
    if (epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0) return 0;
    return errno == EEXIST ? epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event) : -1;
}

void stagecoach_events_forget(int set, int descriptor) {
    struct epoll_event none = {0};
    epoll_ctl(set, EPOLL_CTL_DEL, descriptor, &none);
}

int stagecoach_events_wait(int set, struct stagecoach_event *events, int most, int milliseconds) {
    struct epoll_event ready[64];
    int count = epoll_wait(set, ready, most < 64 ? most : 64, milliseconds);
    for (int i = 0; i < count; i++) {
        // An end or an error is for both sides to find.
        int ended = ready[i].events & (EPOLLERR | EPOLLHUP) ? stagecoach_readable | stagecoach_writable : 0;
        int readable = ready[i].events & (EPOLLIN | EPOLLRDHUP) ? stagecoach_readable : 0;
        int writable = ready[i].events & EPOLLOUT ? stagecoach_writable : 0;
        events[i].descriptor = (int)(uint32_t)ready[i].data.u64;
        events[i].generation = (unsigned)(ready[i].data.u64 >> 32);
        int last = ready[i].events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) ? stagecoach_ended : 0;
        events[i].what = ended | readable | writable | last;
    }
    return count < 0 ? 0 : count;
}

int stagecoach_bell(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void stagecoach_ring(int bell) {
    eventfd_write(bell, 1);
}

void stagecoach_hush(int bell) {
    eventfd_t count;
    eventfd_read(bell, &count);
}

int stagecoach_turns(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
}

void stagecoach_turns_add(int turns, unsigned count) {
    eventfd_write(turns, count);
}

int stagecoach_timer(void) {
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

void stagecoach_timer_set(int timer, long long nanoseconds) {
    struct itimerspec when = {.it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    timerfd_settime(timer, 0, &when, 0);
}

// What the kernel shares of a context, so that its events are taken without asking it.
struct ring {
    unsigned id, size, head, tail, magic, compatible, incompatible, header_size;
    struct io_event events[];
};

int stagecoach_relay_open(struct stagecoach_relay *relay, int first, int second, int bell) {
    *relay = (struct stagecoach_relay){.sets = {first, second}, .bell = bell};
    return (int)syscall(SYS_io_setup, 4u, &relay->context);
}

int stagecoach_relay_arm(struct stagecoach_relay *relay, int sets) {
    struct iocb polls[2], *requests[2];
    long count = 0;
    for (int i = 0; i < 2; i++) {
        if (!(sets & 1 << i)) continue;
        polls[count] = (struct iocb){
            .aio_data = 1 << i,
            .aio_lio_opcode = IOCB_CMD_POLL,
            .aio_fildes = (uint32_t)relay->sets[i],
            .aio_buf = POLLIN,
            .aio_flags = IOCB_FLAG_RESFD,
            .aio_resfd = (uint32_t)relay->bell,
        };
        requests[count] = &polls[count];
        count++;
    }
    return syscall(SYS_io_submit, relay->context, count, requests) == count ? 0 : -1;
}

int stagecoach_relay_rung(struct stagecoach_relay *relay) {
    struct ring *ring = (struct ring *)relay->context;
    int sets = 0;
    if (ring->magic != 0xa10a10a1 || ring->header_size != sizeof(struct ring)) {
        struct io_event events[4];
        struct timespec no_time = {0};
        long count = syscall(SYS_io_getevents, relay->context, 0L, 4L, events, &no_time);
        for (long i = 0; i < count; i++) sets |= (int)events[i].data;
        return sets;
    }
    unsigned head = ring->head, tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head = (head + 1) % ring->size) sets |= (int)ring->events[head].data;
    __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
    return sets;
}

void stagecoach_relay_close(struct stagecoach_relay *relay) {
    syscall(SYS_io_destroy, relay->context);
}

void stagecoach_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}
