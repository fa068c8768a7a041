/* WebSocket load from one thread: connections that each keep a number of messages in flight, or a fixed rate in all.

   wsload PORT CONNECTIONS SECONDS BYTES AHEAD RATE [WAIT]
     BYTES  of each text message
     AHEAD  messages in flight on each connection
     RATE   messages a second in all, 0 for as many as go
     WAIT   seconds between connecting and the first message, 0 where it is left out

   Prints one JSON object: messages, seconds, messages_per_second, and p50, p90, p99, p999 and max in microseconds. A
   connection that ends early or speaks nonsense ends the run with status 1: a figure with errors is no figure. */

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

enum { BUCKETS = 64 * 32, READ = 1 << 18 };

typedef struct {
    int fd;
    uint64_t *sent;        /* when each message in flight was sent, a ring of AHEAD */
    unsigned first, count; /* of that ring */
    unsigned char head[10];
    unsigned head_size;
    uint64_t left;         /* bytes of the current frame's payload still to come */
    size_t unwritten;      /* bytes of frames that the socket did not take yet */
} Connection;

static unsigned char *frames; /* copies of the one frame, so that several leave with one call */
static size_t frame_size, frames_size;
static int ahead, epoll;
static uint64_t histogram[BUCKETS], messages, worst;

static void fail(const char *what) {
    fprintf(stderr, "wsload: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now(void) {
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

static double percentile(double share) {
    uint64_t wanted = messages * share, seen = 0;
    for (unsigned index = 0; index < BUCKETS; index++) {
        seen += histogram[index];
        if (seen > wanted) return bucket_value(index) / 1000;
    }
    return worst / 1000.0;
}

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
    size_t copies = ahead < 1 + (1 << 20) / frame_size ? ahead : 1 + (1 << 20) / frame_size;
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

static void received(Connection *connection, uint64_t time) {
    if (!connection->count) fail("an answer to nothing");
    uint64_t taken = time - connection->sent[connection->first];
    connection->first = (connection->first + 1) % ahead;
    connection->count--;
    histogram[bucket(taken)]++;
    if (taken > worst) worst = taken;
    messages++;
}

/* Reads what has come; returns how many answers it held. */
static unsigned read_frames(Connection *connection) {
    static unsigned char buffer[READ];
    ssize_t size = recv(connection->fd, buffer, READ, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) fail("recv");
    uint64_t time = now();
    unsigned answers = 0;
    for (ssize_t at = 0; at < size;) {
        if (connection->left) {
            uint64_t part = connection->left < (uint64_t)(size - at) ? connection->left : (uint64_t)(size - at);
            connection->left -= part;
            at += part;
            if (connection->left) break;
        } else {
            connection->head[connection->head_size++] = buffer[at++];
            unsigned short_length = connection->head_size > 1 ? connection->head[1] & 0x7f : 0;
            unsigned needed = 2 + (short_length == 126 ? 2 : short_length == 127 ? 8 : 0);
            if (connection->head_size < 2 || connection->head_size < needed) continue;
            uint64_t length = short_length;
            if (needed > 2) {
                length = 0;
                for (unsigned index = 2; index < needed; index++) length = length << 8 | connection->head[index];
            }
            connection->head_size = 0;
            if ((connection->head[0] & 0x0f) == 8) fail("the server closed");
            connection->left = length;
            if (length) continue;
        }
        received(connection, time);
        answers++;
    }
    return answers;
}

static void open_connection(Connection *connection, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char request[256], answer[2048];
    int size = snprintf(request, sizeof request,
                        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", port);
    if (send(connection->fd, request, size, 0) != size) fail("handshake");
    for (int at = 0; at < 4 || memcmp(answer + at - 4, "\r\n\r\n", 4); at++)
        if (at == sizeof answer || recv(connection->fd, answer + at, 1, 0) != 1) fail("handshake");
    if (memcmp(answer, "HTTP/1.1 101", 12)) fail("handshake");
    connection->sent = calloc(ahead, sizeof *connection->sent);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event)) fail("epoll");
}

/* Waits for events until the next message is due; a short while without sleeping, as waking up takes as long. */
static int wait_for_events(struct epoll_event *events, int most, double nanoseconds) {
    struct timespec pause = {0, nanoseconds < 100e3 ? 0 : nanoseconds < 999e6 ? nanoseconds - 50e3 : 999e6};
    return epoll_pwait2(epoll, events, most, &pause, NULL);
}

int main(int argc, char **argv) {
    if (argc != 7 && argc != 8) {
        fprintf(stderr, "usage: wsload PORT CONNECTIONS SECONDS BYTES AHEAD RATE [WAIT]\n");
        return 2;
    }
    int port = atoi(argv[1]), number = atoi(argv[2]);
    double seconds = atof(argv[3]), rate = atof(argv[6]);
    ahead = atoi(argv[5]);
    make_frame(atol(argv[4]));
    epoll = epoll_create1(0);
    Connection *connections = calloc(number, sizeof *connections);
    for (int index = 0; index < number; index++) open_connection(&connections[index], port);
    if (argc == 8) usleep(atof(argv[7]) * 1e6);

    uint64_t start = now(), end = start + seconds * 1e9, sent = 0;
    int next = 0;
    if (!rate)
        for (int index = 0; index < number; index++) send_frames(&connections[index], ahead);
    for (uint64_t time = now(); time < end; time = now()) {
        if (rate) {
            uint64_t due = (time - start) / 1e9 * rate;
            for (; sent < due; sent++, next = (next + 1) % number) send_frames(&connections[next], 1);
        }
        struct epoll_event events[256];
        double pause = rate ? (sent + 1) / rate * 1e9 - (now() - start) : 10e6;
        int ready = wait_for_events(events, 256, pause);
        for (int index = 0; index < ready; index++) {
            Connection *connection = events[index].data.ptr;
            if (events[index].events & EPOLLOUT) {
                send_frames(connection, 0);
                if (!connection->unwritten) watch(connection, 0);
            }
            if (!(events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            unsigned answers = read_frames(connection);
            if (!rate && answers) send_frames(connection, answers);
        }
    }
    double taken = (now() - start) / 1e9;
    printf("{\"messages\":%llu,\"seconds\":%.3f,\"messages_per_second\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f}\n",
           (unsigned long long)messages, taken, messages / taken, percentile(0.5), percentile(0.9), percentile(0.99),
           percentile(0.999), worst / 1000.0);
    return 0;
}
