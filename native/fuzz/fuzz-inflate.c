#include "../lib/inflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/*
 * A byte for the size of the pieces in which the input comes, then DEFLATE: what comes out, where it ends and whether it
 * is damaged must be as with zlib, whatever the pieces.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { enough = 1 << 20 };

struct outcome {
    enum inflate_result result;
    size_t size, used;
};

static struct outcome ours(const uint8_t *data, size_t size, size_t step, uint8_t *out)
{
    struct inflate *inflate = inflate_open();
    struct outcome outcome = {INFLATE_MORE, 0, 0};
    const uint8_t *piece;
    if (inflate == NULL)
        abort();
    while (outcome.result == INFLATE_FULL || (outcome.result == INFLATE_MORE && outcome.used < size)) {
        size_t given = size - outcome.used < step ? size - outcome.used : step, left = given, got;
        /* Of its own size, so that the sanitizer sees who reads behind it. */
        uint8_t *copy = malloc(given + 1);
        const uint8_t *in = copy;
        if (copy == NULL)
            abort();
        memcpy(copy, data + outcome.used, given);
        outcome.result = inflate_run(inflate, &in, &left);
        outcome.used += given - left;
        while (outcome.size < enough && (got = inflate_take(inflate, &piece, enough - outcome.size)) > 0) {
            memcpy(out + outcome.size, piece, got);
            outcome.size += got;
        }
        free(copy);
        if (outcome.size == enough)
            break;
    }
    if (outcome.result == INFLATE_END) {
        /* What was read ahead is still to come: the rest must be all there is. */
        const uint8_t *in = data + outcome.used;
        size_t left = size - outcome.used, behind = 0;
        while (inflate_byte(inflate, &in, &left) >= 0)
            behind++;
        outcome.used = size - behind;
    }
    inflate_close(inflate);
    return outcome;
}

static struct outcome theirs(const uint8_t *data, size_t size, uint8_t *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size, .next_out = out, .avail_out = enough};
    if (inflateInit2(&stream, -15) != Z_OK)
        abort();
    int result = inflate(&stream, Z_NO_FLUSH);
    struct outcome outcome = {
        .result = result == Z_STREAM_END ? INFLATE_END : result == Z_DATA_ERROR ? INFLATE_DAMAGED : INFLATE_MORE,
        .size = enough - stream.avail_out,
        .used = size - stream.avail_in,
    };
    inflateEnd(&stream);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[enough], expected[enough];
    if (size < 2)
        return 0;
    size_t step = data[0] < 128 ? (size_t)data[0] + 1 : size;
    struct outcome got = ours(data + 1, size - 1, step, out), wanted = theirs(data + 1, size - 1, expected);
    if (got.size == enough || wanted.size == enough)
        return 0;
    /* zlib notices later that no code has been told: only when it is to be used. */
    bool same = got.result == wanted.result || (got.result == INFLATE_DAMAGED && wanted.result == INFLATE_MORE);
    if (!same || got.size != wanted.size || memcmp(out, expected, got.size) != 0 ||
        (got.result == INFLATE_END && got.used != wanted.used))
        abort();
    return 0;
}
