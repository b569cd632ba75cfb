#include "../lib/crc32.h"
#include "../lib/gunzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What zlib compressed comes out again, in pieces of any size, and nothing of what was cut off or changed passes. */

enum { plain_size = 1 << 20 };

static int failures;

static void complain(const char *what, const char *found)
{
    fprintf(stderr, "%s: %s\n", what, found);
    failures++;
}

/* The same numbers every time. */
static uint32_t next_number(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33);
}

static void random_bytes(uint8_t *plain)
{
    for (size_t i = 0; i < plain_size; i++)
        plain[i] = (uint8_t)next_number();
}

/* Few frequent bytes and many rare ones: short words that come in pairs, and long ones. */
static void skewed_bytes(uint8_t *plain)
{
    for (size_t i = 0; i < plain_size; i++)
        plain[i] = (uint8_t)(next_number() % 256 * (next_number() % 256) * (next_number() % 256) / 65536);
}

/* Matches of every distance and length, the nearest and the farthest ones too. */
static void repeated_bytes(uint8_t *plain)
{
    static const size_t distances[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 255, 4096, 32768 - 258, 32767, 32768};
    random_bytes(plain);
    for (size_t at = 65536; at + 300 < plain_size;) {
        size_t distance = distances[next_number() % (sizeof distances / sizeof *distances)];
        size_t length = 3 + next_number() % 290;
        for (size_t i = 0; i < length; i++, at++)
            plain[at] = plain[at - distance];
        at += next_number() % 4;
    }
}

static void zero_bytes(uint8_t *plain)
{
    memset(plain, 0, plain_size);
}

static size_t compress_plain(const uint8_t *plain, size_t size, int level, int strategy, uint8_t **packed)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain, .avail_in = (uInt)size};
    deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 9, strategy);
    size_t bound = deflateBound(&stream, size);
    *packed = malloc(bound);
    stream.next_out = *packed;
    stream.avail_out = (uInt)bound;
    if (*packed == NULL || deflate(&stream, Z_FINISH) != Z_STREAM_END)
        complain("deflate", "no memory");
    deflateEnd(&stream);
    return bound - stream.avail_out;
}

/* 1 when all came out, 0 when the input was not enough, -1 when it is damaged. */
static int unpack(const uint8_t *packed, size_t size, size_t step, size_t room, uint8_t *out, size_t *have)
{
    struct gunzip *gunzip = gunzip_open();
    struct fail why;
    size_t used = 0;
    ssize_t got = 0;
    *have = 0;
    while (gunzip != NULL && got >= 0) {
        size_t given = size - used < step ? size - used : step, left = given;
        uint8_t *copy = malloc(given + 1);
        const uint8_t *in = copy;
        memcpy(copy, packed + used, given);
        while (*have < plain_size + 1 &&
               (got = gunzip_read(gunzip, &in, &left, out + *have,
                                  plain_size + 1 - *have < room ? plain_size + 1 - *have : room, &why)) > 0)
            *have += (size_t)got;
        free(copy);
        used += given - left;
        if (got == 0 && used == size)
            break;
        if (got > 0)
            got = -1;
    }
    int result = gunzip == NULL || got < 0 ? -1 : gunzip_may_end(gunzip) ? 1 : 0;
    gunzip_close(gunzip);
    return result;
}

static void check_content(const char *name, void (*fill)(uint8_t *))
{
    static const int levels[] = {0, 1, 6, 9}, strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    static const size_t steps[] = {1, 33, 4096, plain_size * 2}, rooms[] = {1, 1000, 70000, plain_size + 1};
    static uint8_t plain[plain_size], out[plain_size + 1];
    fill(plain);
    for (unsigned level = 0; level < 4; level++)
        for (unsigned strategy = 0; strategy < 4; strategy++) {
            uint8_t *packed;
            size_t have, size = compress_plain(plain, plain_size, levels[level], strategies[strategy], &packed);
            char what[100];
            unsigned pieces = (level + strategy) % 4;
            snprintf(what, sizeof what, "%s, level %d, strategy %d", name, levels[level], strategies[strategy]);
            if (unpack(packed, size, steps[pieces], rooms[(pieces + strategy) % 4], out, &have) != 1)
                complain(what, "refused");
            else if (have != plain_size || memcmp(out, plain, have) != 0)
                complain(what, "something else came out");
            free(packed);
        }
    printf("inflate %s: checked\n", name);
}

/* Every place to cut, and every byte changed. */
static void check_damage(void)
{
    static uint8_t plain[plain_size], out[plain_size + 1];
    static const size_t steps[] = {1, 40, plain_size};
    const size_t start = 65536 - 500, small = 2500;
    size_t have;
    repeated_bytes(plain);
    for (int strategy = Z_DEFAULT_STRATEGY; strategy <= Z_FIXED; strategy++) {
        uint8_t *packed;
        size_t size = compress_plain(plain + start, small, 6, strategy, &packed);
        for (size_t cut = 0; cut < size; cut++)
            if (unpack(packed, cut, steps[cut % 3], 4096, out, &have) != 0 ||
                memcmp(out, plain + start, have) != 0)
                complain("cut off", "not noticed");
        for (size_t at = 0; at < size; at++) {
            /* Nobody looks at time, level and system in the header, nor at what is left of the last byte. */
            if ((at >= 4 && at < 10) || at == size - 9)
                continue;
            packed[at] ^= 1 << at % 8;
            if (unpack(packed, size, steps[at % 3], 4096, out, &have) == 1)
                complain("changed", "not noticed");
            packed[at] ^= 1 << at % 8;
        }
        free(packed);
    }
    printf("inflate, cut off and changed: checked\n");
}

/* RFC 1952, 2.3: all that a header may have, with its sum. */
static void check_header(void)
{
    uint8_t *packed;
    static uint8_t out[plain_size + 1];
    char extra[] = "AB\x01\x00x";
    gz_header header = {.extra = (Bytef *)extra, .extra_len = 5, .name = (Bytef *)"name", .comment = (Bytef *)"words", .hcrc = 1};
    z_stream stream = {.next_in = (Bytef *)"text", .avail_in = 4};
    size_t have;
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
    deflateSetHeader(&stream, &header);
    packed = calloc(1, 200);
    stream.next_out = packed;
    stream.avail_out = 200;
    deflate(&stream, Z_FINISH);
    size_t size = 200 - stream.avail_out;
    deflateEnd(&stream);
    for (size_t step = 1; step < 30; step += 9)
        if (unpack(packed, size, step, 50, out, &have) != 1 || have != 4 || memcmp(out, "text", 4) != 0)
            complain("a header with everything", "refused");
    packed[14]++;
    if (unpack(packed, size, 7, 50, out, &have) >= 0)
        complain("a header with a wrong sum", "not noticed");
    packed[14]--;
    packed[3] |= 0x40;
    if (unpack(packed, size, 7, 50, out, &have) >= 0)
        complain("a header with an unknown flag", "not noticed");
    free(packed);
    printf("gzip header: checked\n");
}

static void check_sums(void)
{
    static uint8_t plain[plain_size];
    random_bytes(plain);
    for (size_t size = 0; size < 1000; size++) {
        const uint8_t *data = plain + size % 64;
        uint32_t sum = (uint32_t)size * 2654435761U;
        if (crc32_update(sum, data, size) != (uint32_t)crc32(sum, data, (uInt)size))
            complain("CRC-32", "is another one");
    }
    if (crc32_update(0, plain, plain_size) != (uint32_t)crc32(0, plain, plain_size))
        complain("CRC-32 of much", "is another one");
    printf("crc32: checked\n");
}

int main(void)
{
    check_sums();
    check_content("of random bytes", random_bytes);
    check_content("of skewed bytes", skewed_bytes);
    check_content("of repeated bytes", repeated_bytes);
    check_content("of zeros", zero_bytes);
    check_damage();
    check_header();
    return failures == 0 ? 0 : 1;
}
