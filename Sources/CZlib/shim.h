#ifndef STAGECOACH_CZLIB_SHIM_H
#define STAGECOACH_CZLIB_SHIM_H

#include <zlib.h>

/* These are macros in zlib.h, which Swift doesn't see. Negative window bits mean raw deflate, without zlib's
   header and checksum. */

static inline int zlib_begin_deflate(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int zlib_begin_inflate(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

/* A whole file of gzip, as small as it gets. */
static inline int zlib_begin_gzip(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY);
}

#endif
