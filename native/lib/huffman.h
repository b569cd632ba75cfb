#pragma once

#include <stdint.h>

/*
 * Decoding tables for the Huffman codes of DEFLATE (RFC 1951, 3.2.2): the next bits are the index of an entry, which
 * says everything that is to be done. Longer codes lead to a second table behind the first one.
 *
 * Every entry has in its lowest byte how many bits it takes; besides,
 *   a literal: itself in bits 8 to 15, and with HUFFMAN_PAIR the next one in bits 16 to 23; the bits that the first
 *     one takes alone in bits 24 to 27;
 *   a length or distance: the bits of the code alone in bits 8 to 11, the rest being added to what is in bits 16 to 30;
 *   HUFFMAN_LONGER: where the second table begins in bits 16 to 30, the number of its bits in bits 8 to 11.
 */
enum {
    HUFFMAN_PAIR = 1 << 30,
    /* Neither a literal nor a length nor a distance: one of the next three. */
    HUFFMAN_SPECIAL = 1 << 15,
    HUFFMAN_LONGER = 1 << 14,
    HUFFMAN_END = 1 << 13,
    HUFFMAN_INVALID = 1 << 12,

    huffman_symbol_bits = 11,
    huffman_distance_bits = 8,
    huffman_length_bits = 7,
    /* The largest that complete codes of up to 15 bits need: 288, 32 and 19 symbols. */
    huffman_symbol_size = 2342,
    huffman_distance_size = 402,
    huffman_length_size = 128,
};
#define HUFFMAN_LITERAL 0x80000000U

/** Each returns -1 when the code has too many words, or too few and is not the one of a single bit. */
int huffman_symbols(uint32_t table[huffman_symbol_size], const uint8_t *lengths, unsigned count);
int huffman_distances(uint32_t table[huffman_distance_size], const uint8_t *lengths, unsigned count);
/** The symbols stand where those of a length would: in bits 16 to 30. */
int huffman_lengths(uint32_t table[huffman_length_size], const uint8_t lengths[19]);
