#define _GNU_SOURCE
#include "answers.h"
#include "measure.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin_body(Answer *answer) {
    errno = 0;
    answer->head[answer->head_size] = 0;
    if (strncmp(answer->head, "HTTP/1.1 200", 12)) {
        fprintf(stderr, "%s\n", answer->head);
        fail("an answer that is none");
    }
    const char *length = strcasestr(answer->head, "\r\ncontent-length:");
    answer->state = length ? LENGTH : CHUNK_SIZE;
    answer->left = length ? strtoull(length + 17, NULL, 10) : 0;
    answer->head_size = 0;
}

/* Adds a byte to the head or line; whether it ends with `end` now. */
static int add(Answer *answer, char byte, const char *end, size_t size) {
    if (answer->head_size + 1 == sizeof answer->head) fail("a long head");
    answer->head[answer->head_size++] = byte;
    return answer->head_size >= size && !memcmp(answer->head + answer->head_size - size, end, size);
}

int take_answer(Answer *answer, const char *bytes, size_t size, Taker *body, void *context) {
    for (size_t at = 0; at < size;) {
        switch (answer->state) {
        case HEAD:
            if (add(answer, bytes[at++], "\r\n\r\n", 4)) begin_body(answer);
            break;
        case CHUNK_SIZE:
            if (!add(answer, bytes[at++], "\r\n", 2)) break;
            answer->left = strtoull(answer->head, NULL, 16);
            answer->state = answer->left ? CHUNK : TRAILER;
            answer->head_size = 0;
            break;
        case LENGTH:
        case CHUNK: {
            size_t part = answer->left < size - at ? answer->left : size - at;
            if (body) body(context, bytes + at, part);
            at += part;
            answer->left -= part;
            if (!answer->left && answer->state == CHUNK) answer->state = CHUNK_END;
            break;
        }
        case CHUNK_END:
            if (!add(answer, bytes[at++], "\r\n", 2)) break;
            answer->state = CHUNK_SIZE;
            answer->head_size = 0;
            break;
        case TRAILER:
            if (!add(answer, bytes[at++], "\r\n", 2)) break;
            if (answer->head_size > 2) {
                answer->head_size = 0;
                break;
            }
            answer->left = 0;
            answer->state = LENGTH;
            break;
        }
        if (answer->state != LENGTH || answer->left) continue;
        if (at < size) fail("bytes behind an answer");
        answer->state = HEAD;
        answer->head_size = 0;
        return 1;
    }
    return 0;
}

void take_frames(Frames *frames, const char *bytes, size_t size, Taker *piece, void (*message)(void *), void *context) {
    for (size_t at = 0; at < size;) {
        if (frames->left) {
            size_t part = frames->left < size - at ? frames->left : size - at;
            if (piece) piece(context, bytes + at, part);
            frames->left -= part;
            at += part;
            if (frames->left) return;
        } else {
            frames->head[frames->head_size++] = bytes[at++];
            unsigned short_length = frames->head_size > 1 ? frames->head[1] & 0x7f : 0;
            unsigned needed = 2 + (short_length == 126 ? 2 : short_length == 127 ? 8 : 0);
            if (frames->head_size < 2 || frames->head_size < needed) continue;
            frames->left = needed > 2 ? 0 : short_length;
            for (unsigned index = 2; index < needed; index++) frames->left = frames->left << 8 | frames->head[index];
            frames->head_size = 0;
            errno = 0;
            if ((frames->head[0] & 0x0f) == 8) fail("the server closed");
            if (frames->left) continue;
        }
        message(context);
    }
}

size_t write_frame(char *frame, const char *text, size_t size) {
    static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d};
    size_t at = 0;
    frame[at++] = (char)0x81;
    if (size < 126) {
        frame[at++] = 0x80 | size;
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = size >> 8;
        frame[at++] = size;
    }
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t index = 0; index < size; index++) frame[at++] = text[index] ^ mask[index % 4];
    return at;
}
