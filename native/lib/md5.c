#include "md5.h"

#include <string.h>

/* RFC 1321, 3.4: floor(2^32 * abs(sin(i + 1))) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void hash_block(uint32_t state[4], const uint8_t *data);

void md5_start(struct md5 *hash)
{
    static const uint32_t initial[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(hash->state, initial, sizeof initial);
    hash->total = 0;
}

void md5_update(struct md5 *hash, const void *data, size_t size)
{
    const uint8_t *next = data;
    while (size > 0) {
        size_t held = hash->total % 64;
        size_t take = 64 - held < size ? 64 - held : size;
        if (take == 64) {
            hash_block(hash->state, next);
        } else {
            memcpy(hash->block + held, next, take);
            if (held + take == 64)
                hash_block(hash->state, hash->block);
        }
        hash->total += take;
        next += take;
        size -= take;
    }
}

void md5_finish_hex(struct md5 *hash, char text[33])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = hash->total * 8;
    size_t held = hash->total % 64;
    uint8_t padding[72] = {0x80};
    size_t size = held < 56 ? 56 - held : 120 - held;
    for (int i = 0; i < 8; i++)
        padding[size + (size_t)i] = (uint8_t)(bits >> (8 * i));
    md5_update(hash, padding, size + 8);
    for (int i = 0; i < 16; i++) {
        uint8_t byte = (uint8_t)(hash->state[i / 4] >> (8 * (i % 4)));
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    text[32] = '\0';
}

static void hash_block(uint32_t state[4], const uint8_t *data)
{
    uint32_t words[16];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)data[4 * i + 3] << 24 | (uint32_t)data[4 * i + 2] << 16 | (uint32_t)data[4 * i + 1] << 8 |
                   data[4 * i];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 64; i++) {
        int round = i / 16;
        uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                         : round == 1 ? (b & d) | (c & ~d)
                         : round == 2 ? b ^ c ^ d
                                      : c ^ (b | ~d);
        int word = round == 0 ? i : round == 1 ? (5 * i + 1) % 16 : round == 2 ? (3 * i + 5) % 16 : 7 * i % 16;
        uint32_t sum = a + mixed + sines[i] + words[word];
        uint8_t turn = turns[round][i % 4];
        a = d, d = c, c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}
