/* WebSocket load from one thread: connections that each keep a number of messages in flight, or a fixed rate in all.

   wsload --port PORT [options]
     --path PATH        /ws where it is left out
     --connections N    64
     --seconds S        of the measured part, 3
     --bytes N          of each message, 64
     --ahead N          messages in flight on each connection, 1
     --rate N           messages a second in all; 0, as it is where it is left out: as many as go
     --wait S           between connecting and the first message, 0
     --spread S         the connections begin at random instants of so many seconds, 0
     --warm-up S        from then to the measured part, 0; without --rate it goes on until each connection has had an
                        answer, at most 20 s longer
     --expect TEXT      what answers begin with; any others are counted as errors
     --pid PID          whose processor time is told; several times for several
     --beside PID       the same of a process that is none of the servers

   Prints one JSON object: messages whose answers came in the measured part, errors (of all that came in it), seconds,
   messages_per_second, cpu_seconds of the servers, busy_seconds of their processor, each_seconds of each process that was
   named, in this order, and p50, p90, p99, p999 and max in microseconds.
   A connection that ends early or speaks nonsense ends the run with status 1. */

#define _GNU_SOURCE
#include "answers.h"
#include "connections.h"
#include "measure.h"
#include "timers.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ = 1 << 18 };

typedef struct {
    int fd;
    uint64_t *sent;        /* when each message in flight was sent, a ring of AHEAD */
    unsigned first, count; /* of that ring */
    unsigned answers;      /* that the last read brought */
    int was_answered;
    unsigned beginning_size;
    char beginning[32];    /* of the message that is coming */
    size_t unwritten;      /* bytes of frames that the socket did not take yet */
    Frames frames;
} Connection;

static unsigned char *frames; /* copies of the one frame, so that several leave with one call */
static size_t frame_size, frames_size;
static int ahead = 1, epoll, is_measuring;
static int waiting; /* connections without an answer so far */
static uint64_t read_at, errors;
static const char *expected = "";
static unsigned expected_size;
static Histogram delays;

static void make_frame(size_t bytes) {
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char *frame = malloc(bytes + 14);
    size_t at = 0;
    frame[at++] = 0x81;
    if (bytes < 126) {
        frame[at++] = 0x80 | bytes;
    } else if (bytes < 65536) {
        frame[at++] = 0x80 | 126;
        frame[at++] = bytes >> 8;
        frame[at++] = bytes;
    } else {
        frame[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8) frame[at++] = (uint64_t)bytes >> shift;
    }
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t index = 0; index < bytes; index++) frame[at++] = ('a' + index % 26) ^ mask[index % 4];
    frame_size = at;
    size_t copies = (size_t)ahead < 1 + (1 << 20) / frame_size ? ahead : 1 + (1 << 20) / frame_size;
    frames_size = frame_size * copies;
    frames = malloc(frames_size);
    for (size_t copy = 0; copy < copies; copy++) memcpy(frames + copy * frame_size, frame, frame_size);
    free(frame);
}

static void watch(Connection *connection, int is_writing) {
    struct epoll_event event = {.events = EPOLLIN | (is_writing ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event)) fail("epoll");
}

/* Sends what is left of earlier frames, and up to `number` further ones. */
static void send_frames(Connection *connection, unsigned number) {
    uint64_t time = now();
    for (; number && connection->count < (unsigned)ahead; number--) {
        connection->sent[(connection->first + connection->count++) % ahead] = time;
        connection->unwritten += frame_size;
    }
    while (connection->unwritten) {
        size_t start = (frame_size - connection->unwritten % frame_size) % frame_size;
        size_t part = connection->unwritten < frames_size - start ? connection->unwritten : frames_size - start;
        ssize_t taken = send(connection->fd, frames + start, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0 && errno == EAGAIN) {
            watch(connection, 1);
            return;
        }
        if (taken <= 0) fail("send");
        connection->unwritten -= taken;
    }
}

static void take_beginning(void *context, const char *bytes, size_t size) {
    Connection *connection = context;
    for (; size && connection->beginning_size < expected_size; size--)
        connection->beginning[connection->beginning_size++] = *bytes++;
}

static void received(void *context) {
    Connection *connection = context;
    errno = 0;
    if (!connection->count) fail("an answer to nothing");
    int is_wrong = connection->beginning_size < expected_size || memcmp(connection->beginning, expected, expected_size);
    connection->beginning_size = 0;
    waiting -= !connection->was_answered;
    connection->was_answered = 1;
    if (is_measuring && is_wrong) errors++;
    else if (is_measuring) record(&delays, read_at - connection->sent[connection->first]);
    connection->first = (connection->first + 1) % ahead;
    connection->count--;
    connection->answers++;
}

static void read_frames(Connection *connection) {
    static char bytes[READ];
    errno = 0;
    ssize_t size = recv(connection->fd, bytes, READ, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("recv");
    read_at = now();
    take_frames(&connection->frames, bytes, size, expected_size ? take_beginning : NULL, received, connection);
}

static void open_connection(Connection *connection, int port, const char *path) {
    char rest[1];
    connection->fd = connect_to(port);
    connection->sent = calloc(ahead, sizeof *connection->sent);
    upgrade(connection->fd, port, path, rest, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event)) fail("epoll");
}

static void serve(struct epoll_event event, int is_closed_loop) {
    Connection *connection = event.data.ptr;
    if (event.events & EPOLLOUT) {
        send_frames(connection, 0);
        if (!connection->unwritten) watch(connection, 0);
    }
    if (!(event.events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    read_frames(connection);
    if (is_closed_loop && connection->answers) send_frames(connection, connection->answers);
    connection->answers = 0;
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"path", 1, 0, 'P'}, {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'}, {"bytes", 1, 0, 'b'},
        {"ahead", 1, 0, 'a'}, {"rate", 1, 0, 'r'}, {"wait", 1, 0, 'w'}, {"spread", 1, 0, 'S'}, {"warm-up", 1, 0, 'W'},
        {"expect", 1, 0, 'e'}, {"pid", 1, 0, 'i'}, {"beside", 1, 0, 'B'}, {0}};
    int port = 0, number = 64, option;
    double seconds = 3, rate = 0, wait = 0, spread = 0, warm_up = 0;
    long bytes = 64;
    const char *path = "/ws";
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'P': path = optarg; break;
        case 'c': number = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'b': bytes = atol(optarg); break;
        case 'a': ahead = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'w': wait = atof(optarg); break;
        case 'S': spread = atof(optarg); break;
        case 'W': warm_up = atof(optarg); break;
        case 'e': expected = optarg; break;
        case 'i': watch_process(atoi(optarg), 1); break;
        case 'B': watch_process(atoi(optarg), 0); break;
        default: return 2;
        }
    }
    expected_size = strlen(expected);
    waiting = number;
    if (!port || number < 1 || ahead < 1 || expected_size > sizeof((Connection *)0)->beginning) {
        fprintf(stderr, "usage: wsload --port PORT [options]\n");
        return 2;
    }
    allow_open_files();
    make_frame(bytes);
    epoll = epoll_create1(0);
    Connection *connections = calloc(number, sizeof *connections);
    for (int index = 0; index < number; index++) open_connection(&connections[index], port, path);
    usleep(wait * 1e6);

    uint64_t start = now(), begin = start + (spread + warm_up) * 1e9, end = -1, sent = 0;
    uint64_t latest = begin + (rate ? 0 : 20000000000ull);
    int next = 0;
    double cpu = 0, busy = 0, each[MOST_PROCESSES];
    if (!rate)
        for (int index = 0; index < number; index++) add_timer((Timer){start + chance() * spread * 1e9, index, 0});
    for (uint64_t time = now(); time < end; time = now()) {
        if (!is_measuring && time >= begin && (!waiting || time >= latest)) {
            is_measuring = 1;
            begin = time;
            end = begin + seconds * 1e9;
            cpu = processor_seconds();
            for (int index = 0; index < watched_processes(); index++) each[index] = seconds_of_process(index);
            busy = busy_seconds();
        }
        while (first_timer() && first_timer()->due <= time) send_frames(&connections[take_first_timer().index], ahead);
        if (rate) {
            uint64_t due = (time - start) / 1e9 * rate;
            for (; sent < due; sent++, next = (next + 1) % number) send_frames(&connections[next], 1);
        }
        /* A short while is waited for without sleeping, as waking up takes as long. */
        uint64_t pause = rate ? start + (sent + 1) / rate * 1e9 : first_timer() ? first_timer()->due : time + 10000000;
        if (!is_measuring && time < begin && pause > begin) pause = begin;
        if (pause > end) pause = end;
        struct epoll_event events[256];
        int ready = wait_until(epoll, events, 256, pause < time + 100000 ? 0 : pause - 50000);
        for (int index = 0; index < ready; index++) serve(events[index], !rate);
    }
    cpu = processor_seconds() - cpu;
    for (int index = 0; index < watched_processes(); index++) each[index] = seconds_of_process(index) - each[index];
    busy = busy_seconds() - busy;
    double taken = (now() - begin) / 1e9;
    printf("{\"messages\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"messages_per_second\":%.1f,\"cpu_seconds\":%.6f,"
           "\"busy_seconds\":%.3f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"each_seconds\":[",
           (unsigned long long)delays.count, (unsigned long long)errors, taken, delays.count / taken, cpu, busy, percentile(&delays, 0.5),
           percentile(&delays, 0.9), percentile(&delays, 0.99), percentile(&delays, 0.999), worst(&delays));
    for (int index = 0; index < watched_processes(); index++) printf("%s%.6f", index ? "," : "", each[index]);
    printf("]}\n");
    return 0;
}
