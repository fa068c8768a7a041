/* Answers of HTTP/1.1 and frames of a WebSocket, as a client reads them: in whatever pieces they come. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Takes a piece of a body or a message. */
typedef void Taker(void *context, const char *bytes, size_t size);

typedef struct {
    enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER } state;
    uint64_t left;      /* of the body or the chunk */
    unsigned head_size; /* of the head, or of the line */
    char head[2048];
} Answer;

/* Whether the answer has ended with these bytes; ends the program where its status is not 200. */
int take_answer(Answer *answer, const char *bytes, size_t size, Taker *body, void *context);

typedef struct {
    uint64_t left; /* of the frame's payload */
    unsigned head_size;
    unsigned char head[10];
} Frames;

/* Calls `message` behind the last piece of each message. Messages in several frames count as several. */
void take_frames(Frames *frames, const char *bytes, size_t size, Taker *piece, void (*message)(void *), void *context);

/* Writes a masked text frame of at most 64 KiB; returns its size, 8 bytes more than the text's at most. */
size_t write_frame(char *frame, const char *text, size_t size);
