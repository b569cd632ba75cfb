#include "sha512.h"

#include <stdio.h>
#include <string.h>

/* FIPS 180-4, 4.2.3 and 5.3.5: the first bits of the cube and square roots of the first primes. */
static const uint64_t constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
static const uint64_t start[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
    0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static void add_block(uint64_t state[8], const uint8_t *block);

void sha512_start(struct sha512 *hash)
{
    memcpy(hash->state, start, sizeof start);
    hash->total = 0;
}

void sha512_update(struct sha512 *hash, const void *data, size_t size)
{
    const uint8_t *next = data;
    size_t used = hash->total % sizeof hash->block;
    hash->total += size;
    if (used > 0) {
        size_t take = size < sizeof hash->block - used ? size : sizeof hash->block - used;
        memcpy(hash->block + used, next, take);
        next += take;
        size -= take;
        if (used + take < sizeof hash->block)
            return;
        add_block(hash->state, hash->block);
    }
    for (; size >= sizeof hash->block; next += sizeof hash->block, size -= sizeof hash->block)
        add_block(hash->state, next);
    if (size > 0)
        memcpy(hash->block, next, size);
}

void sha512_finish_hex(struct sha512 *hash, char text[129])
{
    /* The length is one of 128 bits; no input of ours needs the upper half. */
    uint64_t bits = hash->total * 8;
    uint8_t padding[sizeof hash->block + 16] = {0x80};
    size_t used = hash->total % sizeof hash->block;
    size_t size = (used < 112 ? 112 : 240) - used;
    for (int i = 0; i < 8; i++)
        padding[size + 8 + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha512_update(hash, padding, size + 16);
    for (int i = 0; i < 8; i++)
        snprintf(text + 16 * i, 17, "%016llx", (unsigned long long)hash->state[i]);
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value >> bits | value << (64 - bits);
}

static void add_block(uint64_t state[8], const uint8_t *block)
{
    uint64_t w[80], v[8];
    for (int i = 0; i < 16; i++) {
        w[i] = 0;
        for (int j = 0; j < 8; j++)
            w[i] = w[i] << 8 | block[8 * i + j];
    }
    for (int i = 16; i < 80; i++) {
        uint64_t low = rotate(w[i - 15], 1) ^ rotate(w[i - 15], 8) ^ w[i - 15] >> 7;
        uint64_t high = rotate(w[i - 2], 19) ^ rotate(w[i - 2], 61) ^ w[i - 2] >> 6;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(v, state, sizeof v);
    /* The eight variables take turns, where the specification moves their values on. */
    for (unsigned round = 0; round < 80; round += 8) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
#define V(n) v[((n) - i) & 7]
            uint64_t e = rotate(V(4), 14) ^ rotate(V(4), 18) ^ rotate(V(4), 41);
            uint64_t a = rotate(V(0), 28) ^ rotate(V(0), 34) ^ rotate(V(0), 39);
            uint64_t sum = V(7) + e + ((V(4) & V(5)) ^ (~V(4) & V(6))) + constants[round + i] + w[round + i];
            V(3) += sum;
            V(7) = sum + a + ((V(0) & V(1)) ^ (V(0) & V(2)) ^ (V(1) & V(2)));
#undef V
        }
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}
