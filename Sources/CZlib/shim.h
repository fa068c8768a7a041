#ifndef STAGECOACH_CZLIB_SHIM_H
#define STAGECOACH_CZLIB_SHIM_H

#include <zlib.h>

/* These two are macros in zlib.h, which Swift doesn't see. Negative window bits mean raw deflate, without zlib's
   header and checksum. */

static inline int zlib_begin_deflate(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int zlib_begin_inflate(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

#endif
