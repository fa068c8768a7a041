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
#include <unistd.h>

int stagecoach_events_open(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int stagecoach_events_watch(int set, int descriptor, unsigned generation, int what) {
    struct epoll_event event = {0};
    if (what & stagecoach_readable) event.events |= EPOLLIN | EPOLLRDHUP;
    if (what & stagecoach_writable) event.events |= EPOLLOUT;
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
        events[i].what = ended | readable | writable;
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

// The beginning of what the kernel shares of a context: its events, which nobody needs, as the bell says it all.
struct ring {
    unsigned id, size, head, tail, magic;
};

int stagecoach_relay_open(struct stagecoach_relay *relay, int set, int bell) {
    relay->context = 0;
    relay->set = set;
    relay->bell = bell;
    return (int)syscall(SYS_io_setup, 4u, &relay->context);
}

int stagecoach_relay_arm(struct stagecoach_relay *relay) {
    struct ring *ring = (struct ring *)relay->context;
    if (ring->magic == 0xa10a10a1) {
        unsigned tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
        __atomic_store_n(&ring->head, tail, __ATOMIC_RELEASE);
    }
    struct iocb poll = {
        .aio_lio_opcode = IOCB_CMD_POLL,
        .aio_fildes = (uint32_t)relay->set,
        .aio_buf = POLLIN,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)relay->bell,
    };
    struct iocb *requests[] = {&poll};
    return syscall(SYS_io_submit, relay->context, 1L, requests) == 1 ? 0 : -1;
}

void stagecoach_relay_close(struct stagecoach_relay *relay) {
    syscall(SYS_io_destroy, relay->context);
}

void stagecoach_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}
