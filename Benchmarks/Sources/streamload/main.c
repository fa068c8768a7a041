/* Load of streamed answers from one thread: connections that each post a prompt, read the events of its answer to the
   end, and post again.

   streamload PORT CONNECTIONS SECONDS

   Prints one JSON object: answers, seconds, answers_per_second, and p50 and p99, in microseconds, of the time from a
   prompt to the first event that came of its answer. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 20, READ = 1 << 16 };

typedef struct {
    int fd;
    uint64_t sent;
    int has_begun;
    char tail[6]; /* the last bytes that came: the end of an answer may come in two reads */
    size_t tail_size;
} Connection;

static uint64_t delays[MOST];
static size_t answers;
static const char request[] = "POST /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                              "Accept: text/event-stream\r\nContent-Length: 27\r\n\r\n{\"prompt\":\"What is 2 + 2?\"}\n";

static void fail(const char *what) {
    fprintf(stderr, "streamload: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void post(Connection *connection) {
    connection->has_begun = 0;
    connection->tail_size = 0;
    connection->sent = now();
    if (send(connection->fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) fail("send");
}

static void take(Connection *connection) {
    static char bytes[READ + 6];
    memcpy(bytes, connection->tail, connection->tail_size);
    ssize_t size = recv(connection->fd, bytes + connection->tail_size, READ, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("recv");
    size += connection->tail_size;
    if (!connection->has_begun && memmem(bytes, size, "data:", 5)) {
        connection->has_begun = 1;
        if (answers < MOST) delays[answers++] = now() - connection->sent;
    }
    connection->tail_size = size < 6 ? size : 6;
    memcpy(connection->tail, bytes + size - connection->tail_size, connection->tail_size);
    if (size < 5 || memcmp(bytes + size - 5, "0\r\n\r\n", 5)) return;
    if (!connection->has_begun) fail("an answer without an event");
    post(connection);
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: streamload PORT CONNECTIONS SECONDS\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int count = atoi(argv[2]), epoll = epoll_create1(0), on = 1;
    Connection *connections = calloc(count, sizeof(Connection));
    for (int index = 0; index < count; index++) {
        int fd = connections[index].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[index]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        post(&connections[index]);
    }
    double seconds = atof(argv[3]);
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
    while (now() < end) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, 100);
        for (int index = 0; index < ready; index++) take(events[index].data.ptr);
    }
    if (!answers) fail("no answer");
    seconds = (now() - start) / 1e9;
    qsort(delays, answers, sizeof *delays, compare);
    printf("{\"answers\": %zu, \"seconds\": %.3f, \"answers_per_second\": %.1f, \"p50\": %.1f, \"p99\": %.1f}\n", answers,
           seconds, answers / seconds, delays[answers / 2] / 1e3, delays[answers * 99 / 100] / 1e3);
}
