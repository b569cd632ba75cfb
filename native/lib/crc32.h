#pragma once

#include <stddef.h>
#include <stdint.h>

/** CRC-32 as gzip has it (RFC 1952, 8), of what `sum` is of and these bytes behind it; begins with 0. */
uint32_t crc32_update(uint32_t sum, const uint8_t *data, size_t size);
