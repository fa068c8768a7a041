/* Clients that mean harm, from one thread.

   wsattack PORT KIND SECONDS
     handshakes  handshakes that go on a byte at a time
     bytes       messages of one byte, as many as go
     fragments   a message of one-byte fragments that never ends
     pings       pings, as many as go, whose pongs are never read
     length      a frame that says it has 100 GiB, and as much of it as goes
     bomb        4 KB of compressed bytes that are 600 KB (permessage-deflate)
     halfopen    handshakes, and then nothing
     unread      messages of 60 KiB whose answers are never read
     storm       2,000 connections a second that only want to be let in

   64 connections at once (2,000 a second for a storm); one that is closed comes back, 50 a second in all. Prints one
   JSON object: connections, closed (by the other side), lost (of a storm: not let in) and bytes sent. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ATTACKERS = 64, COMEBACKS = 50, STORM = 2000, CHUNK = 16 << 10 };

typedef enum { CLOSED, CONNECTING, OPENING, ATTACKING, LET_IN } State;

typedef struct {
    int fd;
    State state;
    size_t sent; /* of the handshake */
    size_t at;   /* in the chunk that is sent again and again */
} Client;

static unsigned char opening[1 << 10], first[64], chunk[1 << 17];
static size_t opening_size, first_size, chunk_size;
static int port, epoll, reads, is_storm, is_slow;
static uint64_t connections, closed, lost, bytes;

static uint64_t milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000ull + time.tv_nsec / 1000000;
}

static void fail(const char *what) {
    fprintf(stderr, "wsattack: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A masked frame whose mask is 0, so that the payload is as it is. */
static size_t frame(unsigned char *into, unsigned char head, const void *payload, size_t size) {
    unsigned char *start = into;
    *into++ = head;
    if (size < 126) {
        *into++ = 0x80 | size;
    } else {
        *into++ = 0x80 | 126;
        *into++ = size >> 8;
        *into++ = size;
    }
    memset(into, 0, 4);
    memcpy(into + 4, payload, size);
    return into + 4 + size - start;
}

static void repeat(size_t size) {
    for (chunk_size = size; chunk_size + size <= CHUNK; chunk_size += size) memcpy(chunk + chunk_size, chunk, size);
}

static void prepare(const char *kind) {
    const char *extension = "";
    static char filler[60 << 10];
    memset(filler, 'x', sizeof filler);
    reads = 1;
    if (!strcmp(kind, "handshakes")) {
        is_slow = 1;
    } else if (!strcmp(kind, "bytes")) {
        repeat(frame(chunk, 0x81, "x", 1));
    } else if (!strcmp(kind, "fragments")) {
        first_size = frame(first, 0x01, "x", 1);
        repeat(frame(chunk, 0x00, "x", 1));
    } else if (!strcmp(kind, "pings")) {
        repeat(frame(chunk, 0x89, "x", 1));
        reads = 0;
    } else if (!strcmp(kind, "length")) {
        uint64_t size = 100ull << 30;
        first[0] = 0x82;
        first[1] = 0x80 | 127;
        for (int index = 0; index < 8; index++) first[2 + index] = size >> (56 - 8 * index);
        first_size = 14;
        memset(chunk, 'x', chunk_size = CHUNK);
    } else if (!strcmp(kind, "bomb")) {
        /* RFC 1951: a block of fixed codes with one literal and then, again and again, "258 bytes from 1 back", whose
           code is eight bits 11000101 with extra bits and a distance of five zeros. */
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        unsigned char bomb[4096];
        size_t bit = 0;
        memset(bomb, 0, sizeof bomb);
#define PUT(value) do { if (value) bomb[bit / 8] |= 1 << bit % 8; bit++; } while (0)
        PUT(0); PUT(1); PUT(0);                                                /* not the last block, fixed codes */
        for (int index = 7; index >= 0; index--) PUT((0x30 + 'x') >> index & 1); /* the literal */
        while (bit / 8 < 4000) {
            for (int index = 7; index >= 0; index--) PUT(0xC5 >> index & 1);   /* length 258 */
            for (int index = 0; index < 5; index++) PUT(0);                    /* distance 1 */
        }
        for (int index = 0; index < 7; index++) PUT(0);                        /* the end of the block */
#undef PUT
        chunk_size = frame(chunk, 0xC1, bomb, (bit + 7) / 8);
    } else if (!strcmp(kind, "unread")) {
        chunk_size = frame(chunk, 0x81, filler, sizeof filler);
        reads = 0;
    } else if (!strcmp(kind, "storm")) {
        is_storm = 1;
    } else if (strcmp(kind, "halfopen")) {
        errno = EINVAL;
        fail(kind);
    }
    opening_size = snprintf(
        (char *)opening, sizeof opening,
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", port, extension);
}

static void open_client(Client *client) {
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0) fail("socket");
    int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Elsewhere than well-meaning clients, so that the host can tell them by their address. */
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000002)};
    if (!is_storm) bind(client->fd, (struct sockaddr *)&from, sizeof from);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) fail("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
    client->state = CONNECTING;
    client->sent = client->at = 0;
    connections++;
}

static void close_client(Client *client) {
    if (is_storm && client->state != LET_IN) lost++;
    closed++;
    close(client->fd);
    client->state = CLOSED;
}

static ssize_t push(Client *client, const unsigned char *from, size_t size) {
    ssize_t count = send(client->fd, from, size, MSG_NOSIGNAL);
    if (count > 0) bytes += count;
    if (count < 0 && errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN) close_client(client);
    return count;
}

static void write_on(Client *client) {
    if (client->state == CONNECTING) {
        size_t end = is_slow ? client->sent + 1 : opening_size;
        if (is_slow && end > opening_size - 2) return;
        ssize_t count = push(client, opening + client->sent, end - client->sent);
        if (count > 0) client->sent += count;
        if (client->state == CONNECTING && client->sent == opening_size) client->state = OPENING;
    }
    /* A little each time, so that every client has its turn. */
    for (int turn = 0; turn < 4 && client->state == ATTACKING && chunk_size; turn++) {
        const unsigned char *from = client->at < first_size ? first : chunk;
        size_t size = client->at < first_size ? first_size : chunk_size;
        size_t at = client->at < first_size ? client->at : (client->at - first_size) % chunk_size;
        ssize_t count = push(client, from + at, size - at);
        if (count <= 0) return;
        client->at += count;
    }
}

static void read_on(Client *client) {
    static unsigned char buffer[1 << 16];
    if (client->state == ATTACKING && !reads) return;
    for (;;) {
        ssize_t count = recv(client->fd, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) return close_client(client);
        if (client->state == OPENING) {
            client->state = memmem(buffer, count, " 101 ", 5) ? is_storm ? LET_IN : ATTACKING : OPENING;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: wsattack PORT KIND SECONDS\n");
        return 2;
    }
    port = atoi(argv[1]);
    prepare(argv[2]);
    double seconds = atof(argv[3]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    size_t number = is_storm ? STORM * seconds : ATTACKERS, begun = 0;
    Client *clients = calloc(number, sizeof *clients);
    epoll = epoll_create1(0);
    uint64_t start = milliseconds(), now = start, drip = start;
    uint64_t end = start + seconds * 1000 + (is_storm ? 2000 : 0);
    while (now < end) {
        double allowed = is_storm ? STORM * (now - start) / 1e3 : ATTACKERS + COMEBACKS * (now - start) / 1e3;
        for (size_t index = is_storm ? begun : 0; index < number && begun < allowed; index++) {
            if (clients[index].state != CLOSED) continue;
            open_client(&clients[index]);
            begun++;
        }
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, 1);
        for (int index = 0; index < count; index++) {
            Client *client = events[index].data.ptr;
            if (events[index].events & (EPOLLERR | EPOLLHUP)) close_client(client);
            if (client->state != CLOSED && events[index].events & EPOLLIN) read_on(client);
            if (client->state != CLOSED && !is_slow) write_on(client);
        }
        now = milliseconds();
        /* Edges tell of room only once it was full; a slow client writes by the clock. */
        if (is_slow ? now - drip >= 100 : now > drip) {
            for (size_t index = 0; index < (is_storm ? 0 : number); index++) {
                if (clients[index].state != CLOSED) write_on(&clients[index]);
            }
            drip = now;
        }
    }
    if (is_storm) {
        for (size_t index = 0; index < number; index++) lost += clients[index].state != LET_IN && clients[index].state != CLOSED;
    }
    printf("{\"connections\": %lu, \"closed\": %lu, \"lost\": %lu, \"bytes\": %lu}\n", connections, closed, lost, bytes);
    return 0;
}
