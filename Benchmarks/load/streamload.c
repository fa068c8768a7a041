/* Load of streamed answers from one thread: calls that begin at random instants and whose words are counted as they come.

   streamload --port PORT [options]
     --websocket        by WebSocket instead of a POST that asks for events
     --path PATH        /ws where it is left out
     --body TEXT        what is posted, or sent as a message; {"prompt":"go on"} where it is left out
     --streams N        64
     --words N          of each answer, by which is known whether one was lost
     --ramp S           the calls begin at random instants of so many seconds, 2
     --settle S         from the last beginning to the measured part, 0.5
     --seconds S        of the measured part, 3
     --again            a call that has ended is followed by the next, after a random pause of up to 0.2 s
     --pid PID          whose processor time is told; several times for several

   A word is `@`, its number in four hexadecimal digits and the instant at which the API sent it in sixteen: see model-stub.
   Prints one JSON object: the words that came in the measured part, seconds, words_per_second, cpu_seconds, busy_seconds of
   the servers' processor; late_p50, late_p99 and late_max, in microseconds from an API's sending of a word to its coming, of
   words sent in the measured part; first_p50 and first_p99 from a prompt to its first word, of calls begun in it, or of all
   where --again is missing; and of the whole run how many words were lost, and how many calls had not ended within twice the
   ramp and five seconds. */

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

enum { READ = 1 << 16, WORD = 21 };

typedef struct {
    int fd;
    uint64_t begun;
    unsigned words; /* that came */
    int has_ended;  /* with the words: what follows is the whole answer once more */
    unsigned word_size, beginning_size;
    char word[WORD], beginning[20]; /* of the message that is coming */
    Answer answer;
    Frames frames;
} Stream;

static Stream *streams;
static int is_websocket, is_again, is_measuring;
static unsigned words_of_an_answer, open_calls;
static uint64_t begin, end, read_at, words, lost, calls, unended;
static Histogram lateness, first;
static char request[4096];
static size_t request_size;

static uint64_t hexadecimal(const char *digits, int count) {
    uint64_t value = 0;
    for (; count--; digits++) value = value << 4 | ((*digits & 0xf) + (*digits > '9' ? 9 : 0));
    return value;
}

static void take_word(Stream *stream) {
    unsigned number = hexadecimal(stream->word + 1, 4);
    uint64_t sent = hexadecimal(stream->word + 5, 16);
    if (number < stream->words) stream->has_ended = 1; /* from the first on */
    if (stream->has_ended) return;
    lost += number - stream->words;
    stream->words = number + 1;
    if (is_measuring) words++;
    if (sent >= begin && sent < end) record(&lateness, read_at - sent);
    if (!number && (!is_again || (stream->begun >= begin && stream->begun < end))) record(&first, read_at - stream->begun);
}

static void take_text(void *context, const char *bytes, size_t size) {
    Stream *stream = context;
    for (size_t at = 0; is_websocket && at < size && stream->beginning_size < sizeof stream->beginning; at++)
        stream->beginning[stream->beginning_size++] = bytes[at];
    for (const char *last = bytes + size; bytes < last;) {
        if (!stream->word_size && !(bytes = memchr(bytes, '@', last - bytes))) return;
        size_t part = WORD - stream->word_size;
        if (part > (size_t)(last - bytes)) part = last - bytes;
        memcpy(stream->word + stream->word_size, bytes, part);
        stream->word_size += part;
        bytes += part;
        if (stream->word_size < WORD) return;
        stream->word_size = 0;
        take_word(stream);
    }
}

static void call(Stream *stream) {
    stream->words = stream->has_ended = 0;
    stream->begun = now();
    send_all(stream->fd, request, request_size);
    open_calls++;
    calls++;
}

static void ended(Stream *stream) {
    lost += words_of_an_answer - stream->words;
    open_calls--;
    uint64_t next = now() + (uint64_t)(chance() * 2e8);
    if (is_again && next < end) add_timer((Timer){next, stream - streams, 0});
}

static void take_message(void *context) {
    Stream *stream = context;
    errno = 0;
    if (!strncmp(stream->beginning, "{\"type\":\"error\"", 15)) fail("an error for an answer");
    if (!strncmp(stream->beginning, "{\"type\":\"response\"", 18)) ended(stream);
    stream->beginning_size = 0;
}

static void take(Stream *stream) {
    static char bytes[READ];
    errno = 0;
    ssize_t size = recv(stream->fd, bytes, READ, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("recv");
    read_at = now();
    if (is_websocket) {
        take_frames(&stream->frames, bytes, size, take_text, take_message, stream);
    } else if (take_answer(&stream->answer, bytes, size, take_text, stream)) {
        ended(stream);
    }
}

static void open_stream(Stream *stream, int epoll, int port, const char *path) {
    stream->fd = connect_to(port);
    if (is_websocket) {
        char rest[1024];
        size_t size = upgrade(stream->fd, port, path, rest, sizeof rest);
        take_frames(&stream->frames, rest, size, take_text, take_message, stream);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, stream->fd, &event)) fail("epoll");
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"websocket", 0, 0, 'w'}, {"path", 1, 0, 'P'}, {"body", 1, 0, 'b'}, {"streams", 1, 0, 'n'},
        {"words", 1, 0, 'W'}, {"ramp", 1, 0, 'r'}, {"settle", 1, 0, 'S'}, {"seconds", 1, 0, 's'}, {"again", 0, 0, 'a'},
        {"pid", 1, 0, 'i'}, {0}};
    int port = 0, number = 64, option;
    double ramp = 2, settle = 0.5, seconds = 3;
    const char *path = "/ws", *body = "{\"prompt\":\"go on\"}";
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'w': is_websocket = 1; break;
        case 'P': path = optarg; break;
        case 'b': body = optarg; break;
        case 'n': number = atoi(optarg); break;
        case 'W': words_of_an_answer = atoi(optarg); break;
        case 'r': ramp = atof(optarg); break;
        case 'S': settle = atof(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'a': is_again = 1; break;
        case 'i': watch_process(atoi(optarg), 1); break;
        default: return 2;
        }
    }
    if (!port || number < 1 || !words_of_an_answer || strlen(body) > 2048) {
        fprintf(stderr, "usage: streamload --port PORT --words N [options]\n");
        return 2;
    }
    request_size = is_websocket ? write_frame(request, body, strlen(body))
                                : (size_t)snprintf(request, sizeof request,
                                                   "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                                                   "Accept: text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
                                                   path, port, strlen(body), body);
    allow_open_files();
    int epoll = epoll_create1(0);
    streams = calloc(number, sizeof *streams);
    for (int index = 0; index < number; index++) open_stream(&streams[index], epoll, port, path);

    uint64_t start = now();
    begin = start + (ramp + settle) * 1e9;
    end = begin + seconds * 1e9;
    uint64_t deadline = end + (2 * ramp + 5) * 1e9;
    for (int index = 0; index < number; index++) add_timer((Timer){start + chance() * ramp * 1e9, index, 0});
    double before = 0, busy = 0, cpu = 0, taken = 0;
    for (uint64_t time = now(); time < deadline && (!taken || open_calls); time = now()) {
        if (!is_measuring && !taken && time >= begin) {
            is_measuring = 1;
            begin = time;
            before = processor_seconds();
            busy = busy_seconds();
        } else if (is_measuring && time >= end) {
            is_measuring = 0;
            cpu = processor_seconds() - before;
            busy = busy_seconds() - busy;
            taken = (time - begin) / 1e9;
        }
        while (first_timer() && first_timer()->due <= time) call(&streams[take_first_timer().index]);
        uint64_t next = taken ? time + 10000000 : is_measuring ? end : begin;
        if (first_timer() && first_timer()->due < next) next = first_timer()->due;
        struct epoll_event events[256];
        int ready = wait_until(epoll, events, 256, next);
        for (int index = 0; index < ready; index++) take(events[index].data.ptr);
    }
    unended = open_calls;
    for (int index = 0; index < number && unended; index++)
        if (!streams[index].has_ended && streams[index].words < words_of_an_answer) lost += words_of_an_answer - streams[index].words;
    printf("{\"words\":%llu,\"seconds\":%.3f,\"words_per_second\":%.1f,\"cpu_seconds\":%.6f,\"busy_seconds\":%.3f,\"late_p50\":%.1f,\"late_p99\":%.1f,"
           "\"late_max\":%.1f,\"first_p50\":%.1f,\"first_p99\":%.1f,\"calls\":%llu,\"lost\":%llu,\"unended\":%llu}\n",
           (unsigned long long)words, taken, words / taken, cpu, busy, percentile(&lateness, 0.5), percentile(&lateness, 0.99),
           worst(&lateness), percentile(&first, 0.5), percentile(&first, 0.99), (unsigned long long)calls,
           (unsigned long long)lost, (unsigned long long)unended);
    return 0;
}
