#pragma once

#include <stddef.h>
#include <stdint.h>

/* SHA-512 (FIPS 180-4), for the rare image whose descriptors use it. */
struct sha512 {
    uint64_t state[8];
    uint64_t total;
    uint8_t block[128];
};

void sha512_start(struct sha512 *hash);
void sha512_update(struct sha512 *hash, const void *data, size_t size);
/** The digest as 128 lower-case hexadecimal digits and a NUL. */
void sha512_finish_hex(struct sha512 *hash, char text[129]);
