#include "../lib/buffer.h"
#include "../lib/stream.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static int failures;

struct pieces {
    const struct buffer *data;
    size_t used, step;
};

static ssize_t next_piece(void *context, const uint8_t **piece, struct fail *why)
{
    struct pieces *pieces = context;
    size_t left = pieces->data->size - pieces->used;
    size_t size = left < pieces->step ? left : pieces->step;
    (void)why;
    *piece = (const uint8_t *)pieces->data->data + pieces->used;
    pieces->used += size;
    return (ssize_t)size;
}

/* What comes out, or why nothing does. */
static void read_all(enum compression compression, const struct buffer *data, size_t step, struct buffer *out)
{
    struct fail why;
    struct pieces pieces = {data, 0, step};
    struct stream *stream = stream_open_source(compression, (struct source){next_piece, &pieces}, &why);
    uint8_t piece[10];
    ssize_t got;
    buffer_clear(out);
    buffer_text(out, "");
    while ((got = stream_read(stream, piece, sizeof piece, &why)) > 0)
        buffer_append(out, piece, (size_t)got);
    if (got < 0) {
        buffer_clear(out);
        buffer_text(out, why.text);
    }
    stream_close(stream);
}

static void expect(const char *what, enum compression compression, const struct buffer *data, const char *wanted)
{
    struct buffer out = {0};
    for (size_t step = 1; step < 100; step += 7) {
        read_all(compression, data, step, &out);
        if (strncmp(out.data, wanted, strlen(wanted)) != 0 || (wanted[0] == '\0' && out.size > 0)) {
            fprintf(stderr, "%s, %zu bytes at a time: got \"%s\"\n", what, step, out.data);
            failures++;
        }
    }
    buffer_free(&out);
}

static void add_gzip(struct buffer *data, const char *text)
{
    uint8_t out[1000];
    z_stream gzip = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text), .next_out = out};
    gzip.avail_out = sizeof out;
    deflateInit2(&gzip, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    deflate(&gzip, Z_FINISH);
    buffer_append(data, out, sizeof out - gzip.avail_out);
    deflateEnd(&gzip);
}

static void add_zstd(struct buffer *data, const char *text)
{
    char out[1000];
    buffer_append(data, out, ZSTD_compress(out, sizeof out, text, strlen(text), 3));
}

/* RFC 8878, 3.1.2 */
static void add_skippable(struct buffer *data)
{
    buffer_append(data, "\x50\x2a\x4d\x18\x05\0\0\0table", 13);
}

static void check(const char *name, enum compression compression, void (*add)(struct buffer *, const char *))
{
    struct buffer data = {0};
    char what[64];
    add(&data, "one one one one ");
    size_t first = data.size;
    add(&data, "");
    size_t second = data.size;
    add(&data, "two");
    expect(name, compression, &data, "one one one one two");
    size_t whole = data.size;
    for (data.size = 1; data.size < whole; data.size++) {
        snprintf(what, sizeof what, "%s cut off after %zu bytes", name, data.size);
        bool between = data.size == first || data.size == second;
        expect(what, compression, &data, between ? "one one one one " : "the ");
    }
    data.data[whole / 2] = (char)(data.data[whole / 2] ^ 0x55);
    data.data[whole - 2] = (char)(data.data[whole - 2] ^ 0x55);
    expect(name, compression, &data, "the ");
    buffer_clear(&data);
    add(&data, "one");
    buffer_text(&data, "more");
    expect(name, compression, &data, compression == COMPRESSION_GZIP ? "the gzip data is followed" : "the zstd data is");
    if (compression == COMPRESSION_ZSTD) {
        buffer_clear(&data);
        add_skippable(&data);
        add(&data, "one");
        add_skippable(&data);
        add(&data, "two");
        add_skippable(&data);
        expect("zstd with a table", compression, &data, "onetwo");
        data.size--;
        expect("zstd with half a table", compression, &data, "the zstd data is cut off");
    }
    if (compression == COMPRESSION_ZSTD) {
        /* The magic numbers of the formats 0.1 to 0.7. */
        for (char version = 0x1e; version <= 0x27; version++) {
            buffer_clear(&data);
            buffer_append(&data, &version, 1);
            buffer_append(&data, "\xb5\x2f\xfd\x0a\0\0\0", 7);
            expect("zstd before RFC 8878", compression, &data, "the zstd data is damaged (Unknown frame descriptor)");
        }
    }
    buffer_free(&data);
    printf("%s: checked\n", name);
}

int main(void)
{
    check("gzip", COMPRESSION_GZIP, add_gzip);
    check("zstd", COMPRESSION_ZSTD, add_zstd);
    return failures == 0 ? 0 : 1;
}
