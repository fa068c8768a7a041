#define _GNU_SOURCE
#include "connections.h"
#include "measure.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

void allow_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit)) fail("setrlimit");
}

int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

void send_all(int connection, const char *bytes, size_t size) {
    errno = 0;
    if (send(connection, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

size_t upgrade(int connection, int port, const char *path, char *rest, size_t room) {
    char text[4096];
    size_t size = snprintf(text, sizeof text,
                           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                           path, port);
    send_all(connection, text, size);
    char *end = NULL;
    for (size = 0; !end; end = memmem(text, size, "\r\n\r\n", 4)) {
        errno = 0;
        ssize_t more = recv(connection, text + size, sizeof text - size, 0);
        if (more <= 0) fail("no WebSocket");
        size += more;
    }
    if (memcmp(text, "HTTP/1.1 101", 12)) fail("no WebSocket");
    end += 4;
    size -= end - text;
    if (size > room) fail("a long greeting");
    memcpy(rest, end, size);
    return size;
}

int wait_until(int epoll, struct epoll_event *events, int most, uint64_t due) {
    uint64_t time = now(), left = due > time ? due - time : 0;
    struct timespec pause = {left / 1000000000, left % 1000000000};
    return epoll_pwait2(epoll, events, most, &pause, NULL);
}
