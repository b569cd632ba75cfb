#pragma once

#include "fail.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** The members of a gzip file (RFC 1952), read as one. */
struct gunzip;

/** NULL without memory. */
struct gunzip *gunzip_open(void);
void gunzip_close(struct gunzip *gunzip);

/**
 * Decompresses into a place of the caller's, which has room for at least a byte. Moves `*in` over what was used. How
 * much came out; 0 when more input is needed, -1 after filling `why` when the data is damaged.
 */
ssize_t gunzip_read(struct gunzip *gunzip, const uint8_t **in, size_t *left, uint8_t *into, size_t size,
                    struct fail *why);

/** Whether at least one member has ended, none has begun behind it, and so the input may end. */
bool gunzip_may_end(const struct gunzip *gunzip);
