#pragma once

#include "fail.h"

#include <stdint.h>
#include <sys/types.h>

/** How a member of a .deb, or a layer of an image, is compressed. */
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_ZSTD };

/** Where compressed bytes come from: the next piece, valid until the next call; 0 at the end, -1 after filling `why`. */
struct source {
    ssize_t (*next)(void *context, const uint8_t **piece, struct fail *why);
    void *context;
};

/*
 * The decompressed bytes of something, piece by piece: several gzip members (RFC 1952), xz streams or zstd frames,
 * skippable ones too (RFC 8878), are read as one. Anything else behind them is an error.
 */
struct stream;

/** Of something held in memory, which must outlive the stream. NULL after filling `why`. */
struct stream *stream_open(enum compression compression, const uint8_t *data, size_t size, struct fail *why);
/** Of something that comes bit by bit. */
struct stream *stream_open_source(enum compression compression, struct source source, struct fail *why);

/** The next piece, valid until the next call: its size, 0 at the checked end, -1 when the data is damaged. */
ssize_t stream_next(struct stream *stream, const uint8_t **piece, struct fail *why);
/** The same into a place of the caller's. */
ssize_t stream_read(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
void stream_close(struct stream *stream);
