/* The least that stands between a client and a model API: takes a POST, makes a call with libcurl and passes on what
   comes of the answer, as it comes. One thread.

   curl-relay PORT URL */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4096, ROOM = 1 << 14 };

typedef struct {
    int fd, has_begun;
    CURL *call;
    size_t size;
    char bytes[ROOM];
} Client;

static Client *clients[MOST];
static struct curl_waitfd waiting[MOST + 1];
static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char body[] = "{\"messages\":[{\"content\":\"What is 2 + 2?\",\"role\":\"user\"}],\"model\":\"gpt-3.5-turbo\","
                           "\"stream\":true,\"stream_options\":{\"include_usage\":true}}";

static size_t pass_on(char *bytes, size_t size, size_t count, void *context) {
    Client *client = context;
    char piece[sizeof head + 32 + CURL_MAX_WRITE_SIZE];
    size_t length = 0;
    size *= count;
    if (!client->has_begun) {
        client->has_begun = 1;
        memcpy(piece, head, length = sizeof head - 1);
    }
    length += sprintf(piece + length, "%zx\r\n", size);
    memcpy(piece + length, bytes, size);
    memcpy(piece + length + size, "\r\n", 2);
    return send(client->fd, piece, length + size + 2, MSG_NOSIGNAL) < 0 ? 0 : size;
}

/* Whether the whole request is there; its body is not looked at. */
static int has_request(Client *client) {
    char *end = memmem(client->bytes, client->size, "\r\n\r\n", 4);
    if (!end) return 0;
    char *field = strcasestr(client->bytes, "content-length:");
    size_t length = field && field < end ? strtoul(field + 15, NULL, 10) : 0;
    return client->size >= end + 4 - client->bytes + length;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: curl-relay PORT URL\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, count = 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("curl-relay");
        return 1;
    }
    CURLM *multi = curl_multi_init();
    struct curl_slist *fields = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)MOST);
    printf("listening on http://127.0.0.1:%s\n", argv[1]);
    fflush(stdout);
    while (1) {
        int ready, running, left;
        waiting[0] = (struct curl_waitfd){.fd = listener, .events = CURL_WAIT_POLLIN};
        for (int index = 0; index < count; index++)
            waiting[index + 1] = (struct curl_waitfd){.fd = clients[index]->fd, .events = CURL_WAIT_POLLIN};
        int watched = count;
        curl_multi_poll(multi, waiting, watched + 1, 1000, &ready);
        curl_multi_perform(multi, &running);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
            Client *client;
            CURL *call = message->easy_handle;
            curl_easy_getinfo(call, CURLINFO_PRIVATE, (char **)&client);
            curl_multi_remove_handle(multi, call);
            client->has_begun = 0;
            send(client->fd, "0\r\n\r\n", 5, MSG_NOSIGNAL);
        }
        for (int index = watched - 1; index >= 0; index--) {
            if (!waiting[index + 1].revents) continue;
            Client *client = clients[index];
            ssize_t size = recv(client->fd, client->bytes + client->size, ROOM - client->size - 1, MSG_DONTWAIT);
            if (size <= 0) {
                curl_multi_remove_handle(multi, client->call);
                curl_easy_cleanup(client->call);
                close(client->fd);
                free(client);
                clients[index] = clients[--count];
                continue;
            }
            client->bytes[client->size += size] = 0;
            if (!has_request(client)) continue;
            client->size = 0;
            curl_multi_add_handle(multi, client->call);
            curl_multi_perform(multi, &running);
        }
        if (!waiting[0].revents || count == MOST) continue;
        Client *client = clients[count++] = calloc(1, sizeof(Client));
        client->fd = accept(listener, NULL, NULL);
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        client->call = curl_easy_init();
        curl_easy_setopt(client->call, CURLOPT_URL, argv[2]);
        curl_easy_setopt(client->call, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(client->call, CURLOPT_HTTPHEADER, fields);
        curl_easy_setopt(client->call, CURLOPT_WRITEFUNCTION, pass_on);
        curl_easy_setopt(client->call, CURLOPT_WRITEDATA, client);
        curl_easy_setopt(client->call, CURLOPT_PRIVATE, client);
    }
}
