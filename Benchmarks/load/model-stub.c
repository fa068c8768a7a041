/* A model API on loopback for measuring: answers every request with the same chat completion, whole or word by word.

   model-stub --port PORT [options]
     --delay MS         to a whole answer, or to the first word, 0
     --words N          of a streamed answer, 20
     --rate N           words a second of each, 50
     --jitter SHARE     how far each delay, and each word, is from its instant: at random, up to this share of the delay or of
                        the gap between two words, half of it to either side; 0

   A word is `@`, its number in four hexadecimal digits and the instant at which it is sent in sixteen, of the clock that all
   processes share. When it is terminated it prints, as JSON, by how much words were sent late at most, in microseconds. */

#define _GNU_SOURCE
#include "connections.h"
#include "measure.h"
#include "timers.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 64 << 10, MOST = 20000 };

typedef struct {
    unsigned generation, word;  /* the next of a streamed answer */
    int is_answering, is_streamed;
    uint64_t begun;             /* when the first word was due */
    size_t size, unsent_size;
    char *unsent;               /* what the socket did not take yet */
    char bytes[ROOM];
} Connection;

static Connection *connections[MOST];
static int epoll;
static unsigned words = 20;
static double delay, gap = 1e9 / 50, jitter;
static char completion[1024], models[256];
static size_t completion_size, models_size;
static Histogram lateness;
static volatile sig_atomic_t is_over;

static void terminate(int signal) { is_over = signal; }

static void watch(int fd, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event)) fail("epoll");
}

static void say(int fd, const char *bytes, size_t size) {
    Connection *connection = connections[fd];
    ssize_t sent = connection->unsent_size ? 0 : send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return; /* its end is read, too */
    if (sent < 0) sent = 0;
    if (sent == (ssize_t)size) return;
    connection->unsent = realloc(connection->unsent, connection->unsent_size + size - sent);
    if (!connection->unsent) fail("memory");
    memcpy(connection->unsent + connection->unsent_size, bytes + sent, size - sent);
    if (!connection->unsent_size) watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    connection->unsent_size += size - sent;
}

static void say_rest(int fd) {
    Connection *connection = connections[fd];
    ssize_t sent = send(fd, connection->unsent, connection->unsent_size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;
    connection->unsent_size -= sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_size);
    if (!connection->unsent_size) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

/* A word as a chunk, with the head before the first and the end behind the last. */
static void say_word(int fd, unsigned number) {
    static const char form[] = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"stub\","
                               "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@%04x%016llx \"},\"finish_reason\":%s}]}\n\n%s";
    int is_last = number + 1 == words;
    char event[512], chunk[1024];
    int size = snprintf(event, sizeof event, form, number, (unsigned long long)now(), is_last ? "\"stop\"" : "null",
                        is_last ? "data: [DONE]\n\n" : "");
    const char *head = number ? "" : "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    size = snprintf(chunk, sizeof chunk, "%s%x\r\n%s\r\n%s", head, size, event, is_last ? "0\r\n\r\n" : "");
    say(fd, chunk, size);
}

/* Says what is due, and remembers when the next word is. */
static void answer(Timer due) {
    Connection *connection = connections[due.index];
    if (!connection || connection->generation != due.generation) return;
    if (connection->is_streamed) {
        uint64_t time = now();
        record(&lateness, time > due.due ? time - due.due : 0);
        say_word(due.index, connection->word++);
        if (connection->word < words) {
            double after = connection->word * gap + (chance() - 0.5) * jitter * gap;
            add_timer((Timer){connection->begun + (uint64_t)after, due.index, due.generation});
            return;
        }
    } else {
        say(due.index, completion, completion_size);
    }
    connection->is_answering = 0;
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

static int take(int fd) {
    Connection *connection = connections[fd];
    ssize_t size = recv(fd, connection->bytes + connection->size, ROOM - connection->size - 1, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return 1;
    if (size <= 0) return 0;
    connection->size += size;
    for (size_t end; !connection->is_answering && (end = request_end(connection));) {
        int is_get = !memcmp(connection->bytes, "GET ", 4);
        connection->is_streamed = memmem(connection->bytes, end, "\"stream\":true", 13) != NULL;
        memmove(connection->bytes, connection->bytes + end, connection->size - end);
        connection->size -= end;
        if (is_get) {
            say(fd, models, models_size);
            continue;
        }
        connection->is_answering = 1;
        connection->word = 0;
        connection->begun = now() + (uint64_t)(delay * (1 + (chance() - 0.5) * jitter));
        Timer due = {connection->begun, fd, connection->generation};
        if (delay) add_timer(due);
        else answer(due);
    }
    return connection->size < ROOM - 1;
}

static void leave(int fd) {
    free(connections[fd]->unsent);
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static int welcome(int listener) {
    static unsigned generation;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    if (fd < 0) return 0;
    if (fd >= MOST) fail("too many connections");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!(connections[fd] = malloc(sizeof(Connection)))) fail("memory");
    memset(connections[fd], 0, sizeof(Connection) - ROOM);
    connections[fd]->generation = ++generation;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    return 1;
}

static size_t whole(char *answer, size_t room, const char *body) {
    return snprintf(answer, room, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                    strlen(body), body);
}

int main(int argc, char **argv) {
    static const struct option names[] = {{"port", 1, 0, 'p'}, {"delay", 1, 0, 'd'}, {"words", 1, 0, 'w'}, {"rate", 1, 0, 'r'},
                                          {"jitter", 1, 0, 'j'}, {0}};
    int port = 0, option, on = 1;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'd': delay = atof(optarg) * 1e6; break;
        case 'w': words = atoi(optarg); break;
        case 'r': gap = 1e9 / atof(optarg); break;
        case 'j': jitter = atof(optarg); break;
        default: return 2;
        }
    }
    if (!port || words < 1 || words > 0xffff) {
        fprintf(stderr, "usage: model-stub --port PORT [options]\n");
        return 2;
    }
    completion_size = whole(completion, sizeof completion,
                            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"stub\",\"choices\":"
                            "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"2 + 2 = 4\"},\"finish_reason\":\"stop\"}],"
                            "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":8,\"total_tokens\":18}}");
    models_size = whole(models, sizeof models,
                        "{\"object\":\"list\",\"data\":[{\"id\":\"stub\",\"object\":\"model\",\"created\":1,\"owned_by\":\"bench\"}]}");
    allow_open_files();
    signal(SIGTERM, terminate);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    printf("listening on http://127.0.0.1:%d\n", port);
    fflush(stdout);
    while (!is_over) {
        struct epoll_event events[256];
        int ready = wait_until(epoll, events, 256, first_timer() ? first_timer()->due : now() + 1000000000);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == listener) {
                while (welcome(listener)) continue;
                continue;
            }
            if (events[index].events & EPOLLOUT) say_rest(fd);
            if (events[index].events & ~EPOLLOUT && !take(fd)) leave(fd);
        }
        for (uint64_t time = now(); first_timer() && first_timer()->due <= time;) answer(take_first_timer());
    }
    printf("{\"late_p99\":%.1f,\"late_max\":%.1f}\n", percentile(&lateness, 0.99), worst(&lateness));
    return 0;
}
