/* Connections to a server on loopback, and waiting for what comes on them. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* As many open files as the system allows. */
void allow_open_files(void);

/* A connection without delays for small writes. */
int connect_to(int port);

/* Asks for a WebSocket; what came behind the answer's head goes to `rest`, whose size is returned. */
size_t upgrade(int connection, int port, const char *path, char *rest, size_t room);

void send_all(int connection, const char *bytes, size_t size);

/* Waits until something comes or `due`, whichever is first. */
int wait_until(int epoll, struct epoll_event *events, int most, uint64_t due);
