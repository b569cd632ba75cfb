#include "crc32.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * Carry-less multiplication (V. Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009), with the bits in gzip's order: four lanes of 16 bytes are folded 64 bytes ahead at a time,
 * then into one. What that lane holds is congruent to everything before it, so that zlib finishes with it.
 *
 * The constants are x^n modulo the polynomial, bits reversed, for the two halves of a lane: n is the distance + 32 and
 * the distance - 32, of 512 and 128 bits.
 */
enum { fold_least = 128 };

__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i lane, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(lane, by, 0x00), high = _mm_clmulepi64_si128(lane, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Of a multiple of 16 bytes, at least 64: leaves in `lane` what has the same sum as all of them. */
__attribute__((target("pclmul,sse4.1"))) static void fold_all(uint32_t sum, const uint8_t *data, size_t size,
                                                              uint8_t lane[16])
{
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *next = (const __m128i *)data;
    __m128i lanes[4];
    for (int i = 0; i < 4; i++)
        lanes[i] = _mm_loadu_si128(next++);
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)sum));
    for (size -= 64; size >= 64; size -= 64)
        for (int i = 0; i < 4; i++)
            lanes[i] = fold(lanes[i], by_512, _mm_loadu_si128(next++));
    __m128i one = lanes[0];
    for (int i = 1; i < 4; i++)
        one = fold(one, by_128, lanes[i]);
    for (; size >= 16; size -= 16)
        one = fold(one, by_128, _mm_loadu_si128(next++));
    _mm_storeu_si128((__m128i *)lane, one);
}
#endif

uint32_t crc32_update(uint32_t sum, const uint8_t *data, size_t size)
{
#if defined(__x86_64__)
    if (size >= fold_least && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        uint8_t lane[16];
        size_t folded = size / 16 * 16;
        fold_all(~sum, data, folded, lane);
        /* A register of zeros: that of the sum was folded in. */
        sum = (uint32_t)crc32_z(0xffffffff, lane, sizeof lane);
        data += folded;
        size -= folded;
    }
#endif
    return (uint32_t)crc32_z(sum, data, size);
}
