#include "huffman.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { longest_code = 15, most_symbols = 288 };

struct code {
    uint32_t *table;
    unsigned bits, capacity;
    /* What an entry says besides the length of its code. */
    uint32_t (*meaning)(unsigned symbol);
};

static int build(const struct code *code, const uint8_t *lengths, unsigned symbols, bool complete);
static uint32_t symbol_meaning(unsigned symbol);
static uint32_t distance_meaning(unsigned symbol);
static uint32_t length_meaning(unsigned symbol);
static void pair_literals(uint32_t *table);
static uint32_t entry_of(uint32_t meaning, unsigned length);
static unsigned second_bits(const unsigned counts[longest_code + 1], unsigned length, unsigned first);
static unsigned next_word(unsigned word, unsigned length);

int huffman_symbols(uint32_t table[huffman_symbol_size], const uint8_t *lengths, unsigned count)
{
    const struct code code = {table, huffman_symbol_bits, huffman_symbol_size, symbol_meaning};
    if (build(&code, lengths, count, false) < 0)
        return -1;
    pair_literals(table);
    return 0;
}

int huffman_distances(uint32_t table[huffman_distance_size], const uint8_t *lengths, unsigned count)
{
    const struct code code = {table, huffman_distance_bits, huffman_distance_size, distance_meaning};
    return build(&code, lengths, count, false);
}

int huffman_lengths(uint32_t table[huffman_length_size], const uint8_t lengths[19])
{
    const struct code code = {table, huffman_length_bits, huffman_length_size, length_meaning};
    return build(&code, lengths, 19, true);
}

static int build(const struct code *code, const uint8_t *lengths, unsigned symbols, bool complete)
{
    unsigned counts[longest_code + 1] = {0}, starts[longest_code + 2] = {0};
    uint16_t sorted[most_symbols];
    unsigned longest = 0, size = 1U << code->bits;
    int left = 1;
    for (unsigned i = 0; i < symbols; i++)
        counts[lengths[i]]++;
    counts[0] = 0;
    for (unsigned length = 1; length <= longest_code; length++) {
        left = 2 * left - (int)counts[length];
        if (left < 0)
            return -1;
        longest = counts[length] > 0 ? length : longest;
        starts[length + 1] = starts[length] + counts[length];
    }
    /* RFC 1951, 3.2.7: one word of one bit, or none where there are no matches; what is not a word stays invalid. */
    if (left > 0 && (complete || longest > 1))
        return -1;
    for (unsigned i = 0; left > 0 && i < size; i++)
        code->table[i] = HUFFMAN_SPECIAL | HUFFMAN_INVALID | 1;
    unsigned total = starts[longest_code + 1];
    for (unsigned i = 0; i < symbols; i++)
        if (lengths[i] > 0)
            sorted[starts[lengths[i]]++] = (uint16_t)i;

    /* Words are read from their first bit on, which is the lowest here. */
    unsigned word = 0, used = size, prefix = size, start = 0, inner = 0;
    for (unsigned i = 0; i < total; i++) {
        unsigned length = lengths[sorted[i]];
        uint32_t meaning = code->meaning(sorted[i]);
        if (length <= code->bits) {
            for (unsigned at = word; at < size; at += 1U << length)
                code->table[at] = entry_of(meaning, length);
        } else {
            if ((word & (size - 1)) != prefix) {
                prefix = word & (size - 1);
                inner = second_bits(counts, length, code->bits);
                start = used;
                used += 1U << inner;
                if (used > code->capacity)
                    return -1;
                code->table[prefix] = HUFFMAN_SPECIAL | HUFFMAN_LONGER | start << 16 | inner << 8 | code->bits;
            }
            for (unsigned at = word >> code->bits; at < 1U << inner; at += 1U << (length - code->bits))
                code->table[start + at] = entry_of(meaning, length - code->bits);
        }
        counts[length]--;
        word = next_word(word, length);
    }
    return 0;
}

/* RFC 1951, 3.2.5 */
static uint32_t symbol_meaning(unsigned symbol)
{
    static const uint16_t bases[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                     31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    if (symbol < 256)
        return HUFFMAN_LITERAL | symbol << 8;
    if (symbol == 256)
        return HUFFMAN_SPECIAL | HUFFMAN_END;
    unsigned index = symbol - 257;
    return index < sizeof extra ? (uint32_t)bases[index] << 16 | extra[index] : HUFFMAN_SPECIAL | HUFFMAN_INVALID;
}

static uint32_t distance_meaning(unsigned symbol)
{
    static const uint16_t bases[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                     193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    if (symbol >= sizeof bases / sizeof *bases)
        return HUFFMAN_SPECIAL | HUFFMAN_INVALID;
    return (uint32_t)bases[symbol] << 16 | (symbol < 2 ? 0 : symbol / 2 - 1);
}

static uint32_t length_meaning(unsigned symbol)
{
    return symbol << 16;
}

/* Two short literals in a row are found at once. Going down, what follows is still single: its index is no larger. */
static void pair_literals(uint32_t *table)
{
    for (unsigned i = 1U << huffman_symbol_bits; i-- > 0;) {
        uint32_t first = table[i], next = table[i >> (first & 0xff)];
        if ((first & next & HUFFMAN_LITERAL) == 0)
            continue;
        unsigned length = first & 0xff, both = length + (next >> 24 & 15);
        if (both <= huffman_symbol_bits)
            table[i] = HUFFMAN_LITERAL | HUFFMAN_PAIR | length << 24 | (next & 0xff00) << 8 | (first & 0xff00) | both;
    }
}

static uint32_t entry_of(uint32_t meaning, unsigned length)
{
    if ((meaning & HUFFMAN_LITERAL) != 0)
        return meaning | length << 24 | length;
    /* The code and the bits behind it, except for what has none. */
    return (meaning & HUFFMAN_SPECIAL) != 0 ? meaning | length : (meaning | length << 8) + length;
}

/* How many bits tell the words apart that begin like this one; all shorter ones have been counted off. */
static unsigned second_bits(const unsigned counts[longest_code + 1], unsigned length, unsigned first)
{
    unsigned bits = length - first;
    for (int left = 1 << bits; length < longest_code; bits++, left <<= 1) {
        left -= (int)counts[length++];
        if (left <= 0)
            break;
    }
    return bits;
}

/* The word after this one, both with their first bit lowest. */
static unsigned next_word(unsigned word, unsigned length)
{
    unsigned bit = 1U << (length - 1);
    while ((word & bit) != 0)
        bit >>= 1;
    return bit == 0 ? 0 : (word & (bit - 1)) | bit;
}
