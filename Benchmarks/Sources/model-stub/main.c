/* A model API on loopback for measuring: answers every request with the same chat completion, after a delay. One that
   asks for a stream is answered at once by its first piece, and by each of the others after the same delay.

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
    unsigned piece; /* of a stream, the first being 1; 0 for a whole answer */
} Answer;

enum { PIECES = 20 };

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

static void say(int fd, const char *bytes, size_t size) {
    if (send(fd, bytes, size, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) perror("model-stub");
}

/* A piece of a stream as a chunk, with the head before the first and the end behind the last. */
static void say_piece(int fd, unsigned piece) {
    static const char form[] = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"stub\","
                               "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":%s}]}\n\n%s";
    int is_last = piece == PIECES;
    char event[512], chunk[1024];
    int size = snprintf(event, sizeof event, form, is_last ? "\"stop\"" : "null", is_last ? "data: [DONE]\n\n" : "");
    const char *head = piece > 1 ? "" : "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    size = snprintf(chunk, sizeof chunk, "%s%x\r\n%s\r\n%s", head, size, event, is_last ? "0\r\n\r\n" : "");
    say(fd, chunk, size);
}

/* Says what is due, and remembers what comes next. */
static void answer(Answer due, uint64_t delay) {
    if (!due.piece) return say(due.fd, response, response_size);
    do {
        say_piece(due.fd, due.piece);
    } while (due.piece++ < PIECES && !delay);
    if (due.piece > PIECES || count == MOST) return;
    due.due = now() + delay;
    waiting[(first + count++) % MOST] = due;
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
        int is_streamed = memmem(connection->bytes, end, "\"stream\":true", 13) != NULL;
        memmove(connection->bytes, connection->bytes + end, connection->size - end);
        connection->size -= end;
        Answer next = {now() + delay, connection->fd, connection->generation, is_streamed};
        if (is_streamed || !delay) {
            answer(next, delay);
        } else if (count < MOST) {
            waiting[(first + count++) % MOST] = next;
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
        for (uint64_t time = now(); count && waiting[first].due <= time;) {
            Answer due = waiting[first];
            Connection *connection = connections[due.fd];
            first = (first + 1) % MOST;
            count--;
            if (connection && connection->generation == due.generation) answer(due, delay);
        }
    }
}
