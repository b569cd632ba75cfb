#pragma once

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t total;
    uint8_t block[64];
};

/** How blocks are hashed: the processor's own instructions where it has them. */
enum sha256_engine { SHA256_PORTABLE, SHA256_X86, SHA256_ARM };

void sha256_start(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t size);
void sha256_finish(struct sha256 *hash, uint8_t digest[32]);

/** The digest as 64 lower-case hexadecimal digits and a NUL. */
void sha256_finish_hex(struct sha256 *hash, char text[65]);

/** The engine in use; a test may set another that this processor has. Returns -1 when it has not. */
enum sha256_engine sha256_engine(void);
int sha256_use(enum sha256_engine engine);
