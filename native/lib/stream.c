#include "stream.h"

#include "gunzip.h"

#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
    piece_size = 256 * 1024,
    /* dpkg-deb's highest level needs 65 MiB; xz's own highest 65 as well. */
    xz_memory_limit = 256 * 1024 * 1024,
};

struct stream {
    enum compression compression;
    struct source source;
    /* What is there of the source, and whether there is no more. */
    const uint8_t *in;
    size_t left;
    bool drained;
    /* Between two frames: the only place where the source may end. */
    bool between;
    /* The first bytes of a zstd frame, as many as have come. */
    uint8_t magic[4];
    size_t magic_size;
    bool ended;
    uint8_t *piece;
    lzma_stream xz;
    struct gunzip *gzip;
    ZSTD_DStream *zstd;
};

static bool prepare(struct stream *stream);
static ssize_t decode(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
static ssize_t decode_plain(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
static ssize_t decode_gzip(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
static ssize_t decode_xz(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
static ssize_t decode_zstd(struct stream *stream, uint8_t *into, size_t size, struct fail *why);
static bool begins_frame(struct stream *stream);
static int refill(struct stream *stream, struct fail *why);

static ssize_t no_more(void *context, const uint8_t **piece, struct fail *why)
{
    (void)context;
    (void)piece;
    (void)why;
    return 0;
}

struct stream *stream_open(enum compression compression, const uint8_t *data, size_t size, struct fail *why)
{
    struct stream *stream = stream_open_source(compression, (struct source){no_more, NULL}, why);
    if (stream != NULL) {
        stream->in = data;
        stream->left = size;
    }
    return stream;
}

struct stream *stream_open_source(enum compression compression, struct source source, struct fail *why)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        stream->compression = compression;
        stream->source = source;
        if (prepare(stream))
            return stream;
    }
    fail(why, "out of memory");
    stream_close(stream);
    return NULL;
}

static bool prepare(struct stream *stream)
{
    switch (stream->compression) {
    case COMPRESSION_NONE:
        return true;
    case COMPRESSION_GZIP:
        return (stream->gzip = gunzip_open()) != NULL;
    case COMPRESSION_XZ:
        return lzma_stream_decoder(&stream->xz, xz_memory_limit, LZMA_CONCATENATED) == LZMA_OK;
    case COMPRESSION_ZSTD:
        stream->between = true;
        return (stream->zstd = ZSTD_createDStream()) != NULL;
    }
    return false;
}

ssize_t stream_next(struct stream *stream, const uint8_t **piece, struct fail *why)
{
    if (stream->compression == COMPRESSION_NONE) {
        int got = refill(stream, why);
        if (got <= 0)
            return got;
        size_t size = stream->left;
        *piece = stream->in;
        stream->left = 0;
        return (ssize_t)size;
    }
    if (stream->piece == NULL && (stream->piece = malloc(piece_size)) == NULL)
        return fail(why, "out of memory");
    *piece = stream->piece;
    return decode(stream, stream->piece, piece_size, why);
}

ssize_t stream_read(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    return decode(stream, into, size, why);
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    lzma_end(&stream->xz);
    gunzip_close(stream->gzip);
    ZSTD_freeDStream(stream->zstd);
    free(stream->piece);
    free(stream);
}

static ssize_t decode(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    switch (stream->compression) {
    case COMPRESSION_NONE:
        return decode_plain(stream, into, size, why);
    case COMPRESSION_GZIP:
        return decode_gzip(stream, into, size, why);
    case COMPRESSION_XZ:
        return decode_xz(stream, into, size, why);
    case COMPRESSION_ZSTD:
        return decode_zstd(stream, into, size, why);
    }
    return fail(why, "unknown compression");
}

static ssize_t decode_plain(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    int got = refill(stream, why);
    if (got <= 0)
        return got;
    size_t take = stream->left < size ? stream->left : size;
    memcpy(into, stream->in, take);
    stream->in += take;
    stream->left -= take;
    return (ssize_t)take;
}

/* RFC 1952, 2.2: members follow each other with nothing in between. */
static ssize_t decode_gzip(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = gunzip_read(stream->gzip, &stream->in, &stream->left, into + have, size - have, why);
        if (got < 0)
            return -1;
        have += (size_t)got;
        if (got > 0)
            continue;
        int more = refill(stream, why);
        if (more < 0)
            return -1;
        if (more == 0 && gunzip_may_end(stream->gzip))
            break;
        if (more == 0)
            return fail(why, "the gzip data is cut off");
    }
    return (ssize_t)have;
}

static ssize_t decode_xz(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    if (stream->ended)
        return 0;
    lzma_stream *xz = &stream->xz;
    xz->next_out = into;
    xz->avail_out = size;
    while (xz->avail_out > 0) {
        if (refill(stream, why) < 0)
            return -1;
        xz->next_in = stream->in;
        xz->avail_in = stream->left;
        lzma_ret result = lzma_code(xz, stream->drained ? LZMA_FINISH : LZMA_RUN);
        stream->in = xz->next_in;
        stream->left = xz->avail_in;
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
    return (ssize_t)(size - xz->avail_out);
}

/* libzstd starts the next frame by itself and passes over skippable ones. */
static ssize_t decode_zstd(struct stream *stream, uint8_t *into, size_t size, struct fail *why)
{
    ZSTD_outBuffer out = {into, size, 0};
    while (out.pos < out.size) {
        if (refill(stream, why) < 0)
            return -1;
        if (stream->drained && stream->between)
            break;
        size_t before = out.pos;
        if (!begins_frame(stream))
            return fail(why, "the zstd data is damaged (Unknown frame descriptor)");
        ZSTD_inBuffer in = {stream->in, stream->left, 0};
        size_t hint = ZSTD_decompressStream(stream->zstd, &out, &in);
        if (ZSTD_isError(hint))
            return fail(why, "the zstd data is damaged (%s)", ZSTD_getErrorName(hint));
        stream->in += in.pos;
        stream->left -= in.pos;
        stream->between = hint == 0;
        if (stream->between)
            stream->magic_size = 0;
        if (stream->drained && out.pos == before && hint != 0)
            return fail(why, "the zstd data is cut off");
    }
    return (ssize_t)out.pos;
}

/*
 * RFC 8878, 3.1.1 and 3.1.2. A libzstd may know the formats before that as well, which other programs do not, and reads
 * them as something else when they come in small pieces.
 */
static bool begins_frame(struct stream *stream)
{
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18};
    size_t start = stream->magic_size;
    while (stream->magic_size < sizeof stream->magic && stream->magic_size - start < stream->left) {
        stream->magic[stream->magic_size] = stream->in[stream->magic_size - start];
        stream->magic_size++;
    }
    return memcmp(stream->magic, frame, stream->magic_size) == 0 ||
           ((stream->magic[0] & 0xf0) == skippable[0] &&
            (stream->magic_size < 2 || memcmp(stream->magic + 1, skippable + 1, stream->magic_size - 1) == 0));
}

/* 1 when there is something to read, 0 at the end of the source. */
static int refill(struct stream *stream, struct fail *why)
{
    while (stream->left == 0 && !stream->drained) {
        ssize_t got = stream->source.next(stream->source.context, &stream->in, why);
        if (got < 0)
            return -1;
        stream->left = (size_t)got;
        stream->drained = got == 0;
    }
    return stream->left > 0;
}
