/* Load of whole answers from one thread: clients that each post a request, read its answer and post again.

   postload --port PORT [options]
     --path PATH        /ws where it is left out
     --body TEXT        {"prompt":"What is 2 + 2?"} where it is left out
     --clients N        64
     --seconds S        of the measured part, 3
     --warm-up S        before it, 0.5; it goes on until each client has had an answer, at most 20 s longer
     --pid PID          whose processor time is told; several times for several

   Prints one JSON object: answers that came in the measured part, seconds, answers_per_second, cpu_seconds, busy_seconds of
   the servers' processor, and p50 and p99 in microseconds. */

#define _GNU_SOURCE
#include "answers.h"
#include "connections.h"
#include "measure.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ = 1 << 16 };

typedef struct {
    int fd;
    uint64_t sent;
    int was_answered;
    Answer answer;
} Client;

static char request[4096];
static size_t request_size;
static Histogram delays;
static int is_measuring, waiting; /* clients without an answer so far */

static void post(Client *client) {
    client->sent = now();
    send_all(client->fd, request, request_size);
}

static void take(Client *client) {
    static char bytes[READ];
    errno = 0;
    ssize_t size = recv(client->fd, bytes, READ, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("recv");
    if (!take_answer(&client->answer, bytes, size, NULL, NULL)) return;
    waiting -= !client->was_answered;
    client->was_answered = 1;
    if (is_measuring) record(&delays, now() - client->sent);
    post(client);
}

int main(int argc, char **argv) {
    static const struct option names[] = {{"port", 1, 0, 'p'}, {"path", 1, 0, 'P'}, {"body", 1, 0, 'b'}, {"clients", 1, 0, 'c'},
                                          {"seconds", 1, 0, 's'}, {"warm-up", 1, 0, 'W'}, {"pid", 1, 0, 'i'}, {0}};
    int port = 0, number = 64, option;
    double seconds = 3, warm_up = 0.5;
    const char *path = "/ws", *body = "{\"prompt\":\"What is 2 + 2?\"}";
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'P': path = optarg; break;
        case 'b': body = optarg; break;
        case 'c': number = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'W': warm_up = atof(optarg); break;
        case 'i': watch_process(atoi(optarg), 1); break;
        default: return 2;
        }
    }
    if (!port || number < 1 || strlen(body) > 2048) {
        fprintf(stderr, "usage: postload --port PORT [options]\n");
        return 2;
    }
    request_size = snprintf(request, sizeof request,
                            "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            path, port, strlen(body), body);
    allow_open_files();
    int epoll = epoll_create1(0);
    Client *clients = calloc(number, sizeof *clients);
    for (int index = 0; index < number; index++) {
        clients[index].fd = connect_to(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[index]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[index].fd, &event)) fail("epoll");
    }
    for (int index = 0; index < number; index++) post(&clients[index]);
    uint64_t begin = now() + warm_up * 1e9, latest = begin + 20000000000ull, end = -1;
    waiting = number;
    double cpu = 0, busy = 0;
    for (uint64_t time = now(); time < end; time = now()) {
        if (!is_measuring && time >= begin && (!waiting || time >= latest)) {
            is_measuring = 1;
            begin = time;
            end = begin + seconds * 1e9;
            cpu = processor_seconds();
            busy = busy_seconds();
        }
        struct epoll_event events[256];
        int ready = wait_until(epoll, events, 256, is_measuring ? end : time < begin ? begin : time + 10000000);
        for (int index = 0; index < ready; index++) take(events[index].data.ptr);
    }
    cpu = processor_seconds() - cpu;
    busy = busy_seconds() - busy;
    double taken = (now() - begin) / 1e9;
    printf("{\"answers\":%llu,\"seconds\":%.3f,\"answers_per_second\":%.1f,\"cpu_seconds\":%.6f,"
           "\"busy_seconds\":%.3f,\"p50\":%.1f,\"p99\":%.1f}\n",
           (unsigned long long)delays.count, taken, delays.count / taken, cpu, busy, percentile(&delays, 0.5),
           percentile(&delays, 0.99));
    return 0;
}
