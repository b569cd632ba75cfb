#include "sha256.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_SHA2))
/* Older clang hides these intrinsics unless the whole file may use the extension. */
#define ARM_ENGINE
#include <arm_neon.h>
#include <sys/auxv.h>
#ifndef HWCAP_SHA2
#define HWCAP_SHA2 (1 << 6)
#endif
#endif

/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static atomic_int chosen = -1;

static void hash_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);
static void portable_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);
static int available(enum sha256_engine engine);

void sha256_start(struct sha256 *hash)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, initial, sizeof initial);
    hash->total = 0;
}

void sha256_update(struct sha256 *hash, const void *data, size_t size)
{
    const uint8_t *next = data;
    size_t held = hash->total % 64;
    hash->total += size;
    if (held > 0) {
        size_t take = 64 - held < size ? 64 - held : size;
        memcpy(hash->block + held, next, take);
        next += take;
        size -= take;
        if (held + take < 64)
            return;
        hash_blocks(hash->state, hash->block, 1);
    }
    hash_blocks(hash->state, next, size / 64);
    if (size % 64 > 0)
        memcpy(hash->block, next + size / 64 * 64, size % 64);
}

void sha256_finish(struct sha256 *hash, uint8_t digest[32])
{
    uint64_t bits = hash->total * 8;
    size_t held = hash->total % 64;
    uint8_t padding[72] = {0x80};
    size_t size = held < 56 ? 56 - held : 120 - held;
    for (int i = 0; i < 8; i++)
        padding[size + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_update(hash, padding, size + 8);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_finish_hex(struct sha256 *hash, char text[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    sha256_finish(hash, digest);
    for (int i = 0; i < 32; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[64] = '\0';
}

enum sha256_engine sha256_engine(void)
{
    int engine = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (engine < 0) {
        engine = available(SHA256_X86) ? SHA256_X86 : available(SHA256_ARM) ? SHA256_ARM : SHA256_PORTABLE;
        atomic_store_explicit(&chosen, engine, memory_order_relaxed);
    }
    return (enum sha256_engine)engine;
}

int sha256_use(enum sha256_engine engine)
{
    if (!available(engine))
        return -1;
    atomic_store_explicit(&chosen, (int)engine, memory_order_relaxed);
    return 0;
}

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))

static void portable_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    for (; blocks > 0; blocks--, data += 64) {
        uint32_t w[64];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 | (uint32_t)data[4 * i + 2] << 8 |
                   data[4 * i + 3];
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = ROTATE(w[i - 15], 7) ^ ROTATE(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = ROTATE(w[i - 2], 17) ^ ROTATE(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25);
            uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i];
            uint32_t s0 = ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22);
            uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__)

/* Intel SHA extensions: the state travels as ABEF and CDGH, four rounds take one vector of message words. */
__attribute__((target("sha,sse4.1,ssse3"))) static void x86_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[0]), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[4]), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);

    for (; blocks > 0; blocks--, data += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), swap);
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            __m128i words = w[group % 4];
            __m128i keyed = _mm_add_epi32(words, _mm_load_si128((const __m128i *)&constants[4 * group]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));
            if (group < 12) {
                __m128i next = _mm_sha256msg1_epu32(words, w[(group + 1) % 4]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(w[(group + 3) % 4], w[(group + 2) % 4], 4));
                w[group % 4] = _mm_sha256msg2_epu32(next, w[(group + 3) % 4]);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)&state[0], _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)&state[4], _mm_alignr_epi8(high, low, 8));
}

static int x86_has_sha(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

#elif defined(ARM_ENGINE)

#if defined(__clang__)
#define ARM_TARGET __attribute__((target("sha2")))
#else
#define ARM_TARGET __attribute__((target("+crypto")))
#endif

ARM_TARGET static void arm_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    uint32x4_t abcd = vld1q_u32(&state[0]), efgh = vld1q_u32(&state[4]);
    for (; blocks > 0; blocks--, data += 64) {
        uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t w[4];
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data + 16 * i)));
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            uint32x4_t keyed = vaddq_u32(w[group % 4], vld1q_u32(&constants[4 * group]));
            if (group < 12)
                w[group % 4] = vsha256su1q_u32(vsha256su0q_u32(w[group % 4], w[(group + 1) % 4]),
                                               w[(group + 2) % 4], w[(group + 3) % 4]);
            uint32x4_t before = abcd;
            abcd = vsha256hq_u32(abcd, efgh, keyed);
            efgh = vsha256h2q_u32(efgh, before, keyed);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(&state[0], abcd);
    vst1q_u32(&state[4], efgh);
}

#endif

static int available(enum sha256_engine engine)
{
    switch (engine) {
    case SHA256_PORTABLE:
        return 1;
    case SHA256_X86:
#if defined(__x86_64__)
        return x86_has_sha();
#else
        return 0;
#endif
    case SHA256_ARM:
#if defined(ARM_ENGINE)
        return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
#else
        return 0;
#endif
    }
    return 0;
}

static void hash_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    switch (sha256_engine()) {
#if defined(__x86_64__)
    case SHA256_X86:
        x86_blocks(state, data, blocks);
        return;
#elif defined(ARM_ENGINE)
    case SHA256_ARM:
        arm_blocks(state, data, blocks);
        return;
#endif
    default:
        portable_blocks(state, data, blocks);
    }
}
