#include "../lib/buffer.h"
#include "../lib/stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/*
 * What frames and members are put together from, and how: a byte that chooses zstd or gzip, one for the size of the
 * pieces, then parts of a kind, a length and a content each. What comes out must be the contents one behind the other,
 * and an error where there is something else behind them or the end is missing.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum part { PART_PLAIN, PART_DECORATED, PART_GARBAGE, PART_CUT, PARTS };

struct pieces {
    const uint8_t *data;
    size_t left, step;
};

static void append(struct buffer *buffer, const void *bytes, size_t size)
{
    buffer_append(buffer, bytes, size);
}

static void append_zstd(struct buffer *out, const uint8_t *content, size_t size, bool decorated)
{
    static uint8_t frame[1024];
    if (decorated) {
        /* A skippable frame (RFC 8878, 3.1.2) whose content looks like another frame. */
        const uint8_t head[] = {0x50 | (uint8_t)(size & 15), 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd};
        append(out, head, sizeof head);
    }
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        abort();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, decorated);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, size % 2 == 0);
    size_t made = ZSTD_compress2(context, frame, sizeof frame, content, size);
    if (ZSTD_isError(made))
        abort();
    append(out, frame, made);
    ZSTD_freeCCtx(context);
}

static void append_gzip(struct buffer *out, const uint8_t *content, size_t size, bool decorated)
{
    static uint8_t member[1024];
    static Bytef name[] = "name", comment[] = "comment", extra[] = {1, 2, 2, 0, 31, 139};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)content, .avail_in = (uInt)size};
    gz_header header = {.name = name, .comment = comment, .extra = extra, .extra_len = sizeof extra, .hcrc = 1};
    stream.next_out = member;
    stream.avail_out = sizeof member;
    if (deflateInit2(&stream, (int)(size % 10), Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        (decorated && deflateSetHeader(&stream, &header) != Z_OK) || deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    append(out, member, sizeof member - stream.avail_out);
    deflateEnd(&stream);
}

static ssize_t next_piece(void *context, const uint8_t **piece, struct fail *why)
{
    struct pieces *pieces = context;
    size_t size = pieces->left < pieces->step ? pieces->left : pieces->step;
    (void)why;
    *piece = pieces->data;
    pieces->data += size;
    pieces->left -= size;
    return (ssize_t)size;
}

static void check(enum compression compression, const struct buffer *archive, size_t step, const struct buffer *content,
                  bool whole)
{
    struct pieces pieces = {(const uint8_t *)archive->data, archive->size, step};
    struct fail why;
    struct stream *stream = stream_open_source(compression, (struct source){next_piece, &pieces}, &why);
    const uint8_t *piece;
    size_t have = 0;
    ssize_t got;
    if (stream == NULL)
        abort();
    while ((got = stream_next(stream, &piece, &why)) > 0) {
        if ((size_t)got > content->size - have || memcmp(content->data + have, piece, (size_t)got) != 0)
            abort();
        have += (size_t)got;
    }
    if (whole != (got == 0) || (whole && have != content->size))
        abort();
    stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 4096)
        return 0;
    enum compression compression = data[0] % 2 == 0 ? COMPRESSION_ZSTD : COMPRESSION_GZIP;
    size_t step = (size_t)data[1] + 1;
    struct buffer archive = {0}, content = {0};
    bool whole = true;
    for (size_t at = 2; whole && at + 2 <= size;) {
        enum part part = data[at] % PARTS;
        size_t left = size - at - 2, length = data[at + 1] < left ? data[at + 1] : left;
        const uint8_t *bytes = data + at + 2;
        at += 2 + length;
        if (part == PART_GARBAGE) {
            /* Of a first byte that begins neither. */
            append(&archive, "!garbage", 8);
            whole = false;
            break;
        }
        append(&content, bytes, length);
        (compression == COMPRESSION_ZSTD ? append_zstd : append_gzip)(&archive, bytes, length, part == PART_DECORATED);
        if (part == PART_CUT) {
            archive.size--;
            whole = false;
        }
    }
    if (archive.size > 0)
        check(compression, &archive, step, &content, whole);
    buffer_free(&archive);
    buffer_free(&content);
    return 0;
}
