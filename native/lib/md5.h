#pragma once

#include <stddef.h>
#include <stdint.h>

/* MD5 (RFC 1321), for dpkg's own records of files; nothing here trusts it. */
struct md5 {
    uint32_t state[4];
    uint64_t total;
    uint8_t block[64];
};

void md5_start(struct md5 *hash);
void md5_update(struct md5 *hash, const void *data, size_t size);
/** The digest as 32 lower-case hexadecimal digits and a NUL. */
void md5_finish_hex(struct md5 *hash, char text[33]);
