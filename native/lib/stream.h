#pragma once

#include "fail.h"

#include <stdint.h>
#include <sys/types.h>

/** How a member of a .deb is compressed. */
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_ZSTD };

/* The decompressed bytes of something held in memory, piece by piece. */
struct stream;

/** NULL after filling `why`. The compressed bytes must outlive the stream. */
struct stream *stream_open(enum compression compression, const uint8_t *data, size_t size, struct fail *why);

/** The next piece, valid until the next call: its size, 0 at the checked end, -1 when the data is damaged. */
ssize_t stream_next(struct stream *stream, const uint8_t **piece, struct fail *why);
void stream_close(struct stream *stream);
