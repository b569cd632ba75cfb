#include "stream.h"

#include <libdeflate.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    piece_size = 256 * 1024,
    /* dpkg-deb's highest level needs 65 MiB; xz's own highest 65 as well. */
    xz_memory_limit = 256 * 1024 * 1024,
    /* DEFLATE gives at most 1032 bytes for one. */
    gzip_expansion_limit = 1032,
};

struct stream {
    enum compression compression;
    const uint8_t *data;
    size_t size, used;
    bool ended;
    uint8_t *piece;
    lzma_stream xz;
    ZSTD_DStream *zstd;
    size_t zstd_hint;
};

static ssize_t next_plain(struct stream *stream, const uint8_t **piece);
static ssize_t next_gzip(struct stream *stream, const uint8_t **piece, struct fail *why);
static ssize_t next_xz(struct stream *stream, const uint8_t **piece, struct fail *why);
static ssize_t next_zstd(struct stream *stream, const uint8_t **piece, struct fail *why);

struct stream *stream_open(enum compression compression, const uint8_t *data, size_t size, struct fail *why)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        fail(why, "out of memory");
        return NULL;
    }
    stream->compression = compression;
    stream->data = data;
    stream->size = size;
    bool ready = true;
    if (compression == COMPRESSION_XZ || compression == COMPRESSION_ZSTD)
        ready = (stream->piece = malloc(piece_size)) != NULL;
    if (compression == COMPRESSION_XZ) {
        ready = ready && lzma_stream_decoder(&stream->xz, xz_memory_limit, LZMA_CONCATENATED) == LZMA_OK;
        stream->xz.next_in = data;
        stream->xz.avail_in = size;
    }
    if (compression == COMPRESSION_ZSTD)
        ready = ready && (stream->zstd = ZSTD_createDStream()) != NULL;
    if (ready)
        return stream;
    fail(why, "out of memory");
    stream_close(stream);
    return NULL;
}

ssize_t stream_next(struct stream *stream, const uint8_t **piece, struct fail *why)
{
    switch (stream->compression) {
    case COMPRESSION_NONE:
        return next_plain(stream, piece);
    case COMPRESSION_GZIP:
        return next_gzip(stream, piece, why);
    case COMPRESSION_XZ:
        return next_xz(stream, piece, why);
    case COMPRESSION_ZSTD:
        return next_zstd(stream, piece, why);
    }
    return fail(why, "unknown compression");
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    lzma_end(&stream->xz);
    ZSTD_freeDStream(stream->zstd);
    free(stream->piece);
    free(stream);
}

static ssize_t next_plain(struct stream *stream, const uint8_t **piece)
{
    *piece = stream->data + stream->used;
    size_t size = stream->size - stream->used;
    stream->used = stream->size;
    return (ssize_t)size;
}

/* One gzip member a piece: libdeflate wants the whole output in memory, and RFC 1952 writes its size at the end. */
static ssize_t next_gzip(struct stream *stream, const uint8_t **piece, struct fail *why)
{
    const uint8_t *data = stream->data + stream->used;
    size_t size = stream->size - stream->used;
    if (size == 0)
        return 0;
    if (size < 18)
        return fail(why, "the gzip data is cut off");
    const uint8_t *end = stream->data + stream->size - 4;
    size_t expected = (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
    if (expected / gzip_expansion_limit > size)
        return fail(why, "the gzip data is damaged");
    free(stream->piece);
    stream->piece = malloc(expected + 1);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (stream->piece == NULL || decompressor == NULL) {
        libdeflate_free_decompressor(decompressor);
        return fail(why, "out of memory");
    }
    size_t consumed = 0, produced = 0;
    enum libdeflate_result result = libdeflate_gzip_decompress_ex(decompressor, data, size, stream->piece, expected + 1,
                                                                  &consumed, &produced);
    libdeflate_free_decompressor(decompressor);
    if (result != LIBDEFLATE_SUCCESS)
        return fail(why, "the gzip data is damaged or cut off");
    if (consumed != size)
        return fail(why, "the gzip data has more than one member");
    stream->used = stream->size;
    *piece = stream->piece;
    return (ssize_t)produced;
}

static ssize_t next_xz(struct stream *stream, const uint8_t **piece, struct fail *why)
{
    if (stream->ended)
        return 0;
    stream->xz.next_out = stream->piece;
    stream->xz.avail_out = piece_size;
    while (stream->xz.avail_out > 0) {
        lzma_ret result = lzma_code(&stream->xz, LZMA_FINISH);
        if (result == LZMA_STREAM_END) {
            stream->ended = true;
            break;
        }
        if (result == LZMA_MEMLIMIT_ERROR)
            return fail(why, "the xz data needs more than %d MiB of memory", xz_memory_limit >> 20);
        if (result == LZMA_BUF_ERROR)
            return fail(why, "the xz data is cut off");
        if (result != LZMA_OK)
            return fail(why, "the xz data is damaged");
    }
    *piece = stream->piece;
    return (ssize_t)(piece_size - stream->xz.avail_out);
}

static ssize_t next_zstd(struct stream *stream, const uint8_t **piece, struct fail *why)
{
    ZSTD_inBuffer in = {stream->data, stream->size, stream->used};
    ZSTD_outBuffer out = {stream->piece, piece_size, 0};
    while (out.pos < out.size) {
        size_t before_in = in.pos, before_out = out.pos;
        if (in.pos == in.size && stream->zstd_hint == 0)
            break;
        stream->zstd_hint = ZSTD_decompressStream(stream->zstd, &out, &in);
        if (ZSTD_isError(stream->zstd_hint))
            return fail(why, "the zstd data is damaged (%s)", ZSTD_getErrorName(stream->zstd_hint));
        if (in.pos == before_in && out.pos == before_out && stream->zstd_hint != 0)
            return fail(why, "the zstd data is cut off");
    }
    stream->used = in.pos;
    *piece = stream->piece;
    return (ssize_t)out.pos;
}
