/* A model API on loopback for measuring: answers every request with the same chat completion, after a delay.

   model-stub PORT DELAY_MS */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 128 << 10, MOST = 4096 };

typedef struct {
    int fd;
    unsigned generation;
    size_t size;
    char bytes[ROOM];
} Connection;

typedef struct {
    uint64_t due;
    int fd;
    unsigned generation;
} Answer;

static Connection *connections[MOST];
static Answer waiting[MOST];
static unsigned first, count;
static char response[1024];
static int response_size;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000ull + time.tv_nsec / 1000000;
}

static void answer(int fd) {
    if (send(fd, response, response_size, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) perror("model-stub");
}

/* Where the first whole request in the buffer ends; 0 while there is none. */
static size_t request_end(Connection *connection) {
    char *end = memmem(connection->bytes, connection->size, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = end + 4 - connection->bytes, length = 0;
    char *field = memmem(connection->bytes, head, "ontent-", 7);
    while (field && strncasecmp(field, "ontent-length:", 14))
        field = memmem(field + 1, connection->bytes + head - field - 1, "ontent-", 7);
    if (field) length = strtoul(field + 14, NULL, 10);
    return head + length <= connection->size ? head + length : 0;
}

static int take(Connection *connection, uint64_t delay) {
    ssize_t size = recv(connection->fd, connection->bytes + connection->size, ROOM - connection->size - 1, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return 1;
    if (size <= 0) return 0;
    connection->size += size;
    for (size_t end; (end = request_end(connection));) {
        memmove(connection->bytes, connection->bytes + end, connection->size - end);
        connection->size -= end;
        if (!delay) {
            answer(connection->fd);
        } else if (count < MOST) {
            waiting[(first + count++) % MOST] = (Answer){now() + delay, connection->fd, connection->generation};
        }
    }
    return connection->size < ROOM - 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: model-stub PORT DELAY_MS\n");
        return 2;
    }
    const char *body = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"stub\",\"choices\":[{\"index\":0,"
                       "\"message\":{\"role\":\"assistant\",\"content\":\"2 + 2 = 4\"},\"finish_reason\":\"stop\"}],"
                       "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":8,\"total_tokens\":18}}";
    response_size = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                             strlen(body), body);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    uint64_t delay = strtoull(argv[2], NULL, 10);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, epoll = epoll_create1(0);
    unsigned generation = 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("model-stub");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    printf("listening on http://127.0.0.1:%s\n", argv[1]);
    fflush(stdout);
    while (1) {
        int64_t patience = count ? (int64_t)(waiting[first].due - now()) : -1;
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, count && patience < 0 ? 0 : (int)patience);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd != listener) {
                if (take(connections[fd], delay)) continue;
                free(connections[fd]);
                connections[fd] = NULL;
                close(fd);
                continue;
            }
            int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (accepted < 0 || accepted >= MOST) {
                if (accepted >= 0) close(accepted);
                continue;
            }
            setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            connections[accepted] = calloc(1, sizeof(Connection));
            connections[accepted]->fd = accepted;
            connections[accepted]->generation = ++generation;
            event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
            epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
        }
        for (uint64_t time = now(); count && waiting[first].due <= time; first = (first + 1) % MOST, count--) {
            Connection *connection = connections[waiting[first].fd];
            if (connection && connection->generation == waiting[first].generation) answer(connection->fd);
        }
    }
}
