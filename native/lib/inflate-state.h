#pragma once

#include "huffman.h"
#include "inflate.h"

#include <string.h>

enum {
    inflate_window = 32 * 1024,
    inflate_room = 160 * 1024,
    /* Copies are made in larger steps than they are long. */
    inflate_slack = 64,
    inflate_longest_match = 258,
};

enum inflate_state {
    INFLATE_HEADER,
    INFLATE_STORED_LENGTH,
    INFLATE_STORED,
    INFLATE_CODE_COUNTS,
    INFLATE_CODE_LENGTHS,
    INFLATE_SYMBOL_LENGTHS,
    INFLATE_SYMBOLS,
    INFLATE_MATCH,
    INFLATE_AFTER,
};

struct inflate {
    enum inflate_state state;
    bool last_block;
    /* Bits read ahead, the next one lowest; nothing but zeros above `count`. */
    uint64_t bits;
    unsigned count;
    const uint8_t *in, *end;
    /* From `oldest` on everything may be referred to, from `taken` to `out` it was not given out yet. */
    uint8_t *oldest, *taken, *out, *limit;
    /* Of a stored block, or of a match that had no room. */
    unsigned length, distance;
    /* RFC 1951, 3.2.7: HLIT, HDIST and HCLEN, and how many of their lengths are there. */
    unsigned symbols, distances, codes, have;
    uint8_t lengths[288 + 32];
    uint32_t symbol_table[huffman_symbol_size];
    uint32_t distance_table[huffman_distance_size];
    uint32_t length_table[huffman_length_size];
    uint8_t buffer[inflate_window + inflate_room + inflate_slack];
};

/** Of the lowest `count` bits, less than 64. */
static inline uint64_t lowest(uint64_t bits, unsigned count)
{
    return bits & ((1ULL << count) - 1);
}

/**
 * Decodes symbols as long as there is plenty of input and room; returns to the careful way for the rest. False when
 * the data is damaged.
 */
bool inflate_fast(struct inflate *inflate);
