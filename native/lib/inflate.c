#include "inflate-state.h"

#include <stdlib.h>

/* Of a single step: whether the next one can be made. */
enum step { STEP_DONE, STEP_MORE, STEP_FULL, STEP_DAMAGED };

static enum step make_step(struct inflate *inflate);
static enum step read_header(struct inflate *inflate);
static enum step read_stored_length(struct inflate *inflate);
static enum step copy_stored(struct inflate *inflate);
static enum step read_counts(struct inflate *inflate);
static enum step read_code_lengths(struct inflate *inflate);
static enum step read_symbol_lengths(struct inflate *inflate);
static enum step read_symbol(struct inflate *inflate);
static enum step read_match(struct inflate *inflate, uint32_t entry, unsigned used);
static enum step copy_match(struct inflate *inflate);
static enum step use_fixed_codes(struct inflate *inflate);
static void end_block(struct inflate *inflate);
static bool read_ahead(struct inflate *inflate, unsigned wanted);
static unsigned take_bits(struct inflate *inflate, unsigned count);
static void make_room(struct inflate *inflate);

struct inflate *inflate_open(void)
{
    struct inflate *inflate = malloc(sizeof *inflate);
    if (inflate == NULL)
        return NULL;
    inflate->taken = inflate->out = inflate->buffer;
    inflate->limit = inflate->buffer + inflate_window + inflate_room;
    inflate->bits = 0;
    inflate->count = 0;
    inflate_start(inflate);
    return inflate;
}

void inflate_close(struct inflate *inflate)
{
    free(inflate);
}

void inflate_start(struct inflate *inflate)
{
    inflate->state = INFLATE_HEADER;
    inflate->last_block = false;
    inflate->oldest = inflate->out;
}

enum inflate_result inflate_run(struct inflate *inflate, const uint8_t **in, size_t *left)
{
    enum step step = STEP_DONE;
    make_room(inflate);
    inflate->in = *in;
    inflate->end = *in + *left;
    while (step == STEP_DONE && inflate->state != INFLATE_AFTER) {
        if (inflate->state != INFLATE_SYMBOLS)
            step = make_step(inflate);
        else if (!inflate_fast(inflate))
            step = STEP_DAMAGED;
        else if (inflate->state == INFLATE_SYMBOLS)
            step = make_step(inflate);
    }
    *in = inflate->in;
    *left = (size_t)(inflate->end - inflate->in);
    switch (step) {
    case STEP_MORE:
        return INFLATE_MORE;
    case STEP_FULL:
        return INFLATE_FULL;
    case STEP_DAMAGED:
        return INFLATE_DAMAGED;
    case STEP_DONE:
        break;
    }
    return INFLATE_END;
}

size_t inflate_take(struct inflate *inflate, const uint8_t **piece, size_t most)
{
    size_t size = (size_t)(inflate->out - inflate->taken);
    size = size < most ? size : most;
    *piece = inflate->taken;
    inflate->taken += size;
    return size;
}

int inflate_byte(struct inflate *inflate, const uint8_t **in, size_t *left)
{
    /* What is left of the last byte of the stream belongs to nobody. */
    take_bits(inflate, inflate->count % 8);
    if (inflate->count > 0)
        return (int)take_bits(inflate, 8);
    if (*left == 0)
        return -1;
    --*left;
    return *(*in)++;
}

static enum step make_step(struct inflate *inflate)
{
    switch (inflate->state) {
    case INFLATE_HEADER:
        return read_header(inflate);
    case INFLATE_STORED_LENGTH:
        return read_stored_length(inflate);
    case INFLATE_STORED:
        return copy_stored(inflate);
    case INFLATE_CODE_COUNTS:
        return read_counts(inflate);
    case INFLATE_CODE_LENGTHS:
        return read_code_lengths(inflate);
    case INFLATE_SYMBOL_LENGTHS:
        return read_symbol_lengths(inflate);
    case INFLATE_SYMBOLS:
        return read_symbol(inflate);
    case INFLATE_MATCH:
        return copy_match(inflate);
    case INFLATE_AFTER:
        break;
    }
    return STEP_DAMAGED;
}

/* RFC 1951, 3.2.3 */
static enum step read_header(struct inflate *inflate)
{
    if (!read_ahead(inflate, 3))
        return STEP_MORE;
    inflate->last_block = take_bits(inflate, 1) == 1;
    switch (take_bits(inflate, 2)) {
    case 0:
        take_bits(inflate, inflate->count % 8);
        inflate->state = INFLATE_STORED_LENGTH;
        return STEP_DONE;
    case 1:
        return use_fixed_codes(inflate);
    case 2:
        inflate->state = INFLATE_CODE_COUNTS;
        return STEP_DONE;
    default:
        return STEP_DAMAGED;
    }
}

/* RFC 1951, 3.2.4 */
static enum step read_stored_length(struct inflate *inflate)
{
    if (!read_ahead(inflate, 32))
        return STEP_MORE;
    inflate->length = take_bits(inflate, 16);
    inflate->state = INFLATE_STORED;
    return take_bits(inflate, 16) == (inflate->length ^ 0xffff) ? STEP_DONE : STEP_DAMAGED;
}

static enum step copy_stored(struct inflate *inflate)
{
    while (inflate->length > 0) {
        size_t room = (size_t)(inflate->limit - inflate->out), left = (size_t)(inflate->end - inflate->in);
        size_t take = inflate->length < room ? inflate->length : room;
        if (room == 0)
            return STEP_FULL;
        if (inflate->count > 0) {
            *inflate->out++ = (uint8_t)take_bits(inflate, 8);
            inflate->length--;
            continue;
        }
        if (left == 0)
            return STEP_MORE;
        take = take < left ? take : left;
        memcpy(inflate->out, inflate->in, take);
        inflate->out += take;
        inflate->in += take;
        inflate->length -= (unsigned)take;
    }
    end_block(inflate);
    return STEP_DONE;
}

/* RFC 1951, 3.2.7 */
static enum step read_counts(struct inflate *inflate)
{
    if (!read_ahead(inflate, 14))
        return STEP_MORE;
    inflate->symbols = take_bits(inflate, 5) + 257;
    inflate->distances = take_bits(inflate, 5) + 1;
    inflate->codes = take_bits(inflate, 4) + 4;
    inflate->have = 0;
    memset(inflate->lengths, 0, sizeof inflate->lengths);
    inflate->state = INFLATE_CODE_LENGTHS;
    return inflate->symbols <= 286 && inflate->distances <= 30 ? STEP_DONE : STEP_DAMAGED;
}

static enum step read_code_lengths(struct inflate *inflate)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    for (; inflate->have < inflate->codes; inflate->have++) {
        if (!read_ahead(inflate, 3))
            return STEP_MORE;
        inflate->lengths[order[inflate->have]] = (uint8_t)take_bits(inflate, 3);
    }
    if (huffman_lengths(inflate->length_table, inflate->lengths) < 0)
        return STEP_DAMAGED;
    inflate->have = 0;
    inflate->state = INFLATE_SYMBOL_LENGTHS;
    return STEP_DONE;
}

static enum step read_symbol_lengths(struct inflate *inflate)
{
    unsigned total = inflate->symbols + inflate->distances;
    while (inflate->have < total) {
        read_ahead(inflate, 14);
        uint32_t entry = inflate->length_table[lowest(inflate->bits, huffman_length_bits)];
        unsigned code = entry >> 16, used = entry & 0xff;
        unsigned extra = code < 16 ? 0 : code == 16 ? 2 : code == 17 ? 3 : 7;
        if (used + extra > inflate->count)
            return STEP_MORE;
        take_bits(inflate, used);
        if (code < 16) {
            inflate->lengths[inflate->have++] = (uint8_t)code;
            continue;
        }
        if (code == 16 && inflate->have == 0)
            return STEP_DAMAGED;
        unsigned again = take_bits(inflate, extra) + (code == 18 ? 11 : 3);
        if (again > total - inflate->have)
            return STEP_DAMAGED;
        memset(&inflate->lengths[inflate->have], code == 16 ? inflate->lengths[inflate->have - 1] : 0, again);
        inflate->have += again;
    }
    const uint8_t *lengths = inflate->lengths;
    if (lengths[256] == 0 || huffman_symbols(inflate->symbol_table, lengths, inflate->symbols) < 0 ||
        huffman_distances(inflate->distance_table, lengths + inflate->symbols, inflate->distances) < 0)
        return STEP_DAMAGED;
    inflate->state = INFLATE_SYMBOLS;
    return STEP_DONE;
}

/* One symbol, with as many bits as there are: what is missing counts as zeros and decides nothing. */
static enum step read_symbol(struct inflate *inflate)
{
    unsigned used = 0;
    read_ahead(inflate, 48);
    uint32_t entry = inflate->symbol_table[lowest(inflate->bits, huffman_symbol_bits)];
    if ((entry & HUFFMAN_LITERAL) == 0 && (entry & HUFFMAN_LONGER) != 0 && (entry & HUFFMAN_SPECIAL) != 0) {
        used = huffman_symbol_bits;
        entry = inflate->symbol_table[(entry >> 16) + lowest(inflate->bits >> used, entry >> 8 & 15)];
    }
    if ((entry & HUFFMAN_LITERAL) != 0) {
        used += entry >> 24 & 15;
        if (used > inflate->count)
            return STEP_MORE;
        if (inflate->out == inflate->limit)
            return STEP_FULL;
        take_bits(inflate, used);
        *inflate->out++ = (uint8_t)(entry >> 8);
        return STEP_DONE;
    }
    if ((entry & HUFFMAN_SPECIAL) == 0)
        return read_match(inflate, entry, used);
    used += entry & 0xff;
    if (used > inflate->count)
        return STEP_MORE;
    if ((entry & HUFFMAN_END) == 0)
        return STEP_DAMAGED;
    take_bits(inflate, used);
    end_block(inflate);
    return STEP_DONE;
}

static enum step read_match(struct inflate *inflate, uint32_t entry, unsigned used)
{
    uint64_t bits = inflate->bits;
    unsigned code = entry >> 8 & 15, all = entry & 0xff;
    unsigned length = (entry >> 16) + (unsigned)lowest(bits >> (used + code), all - code);
    used += all;
    entry = inflate->distance_table[lowest(bits >> used, huffman_distance_bits)];
    if ((entry & HUFFMAN_SPECIAL) != 0 && (entry & HUFFMAN_LONGER) != 0) {
        used += huffman_distance_bits;
        entry = inflate->distance_table[(entry >> 16) + lowest(bits >> used, entry >> 8 & 15)];
    }
    code = entry >> 8 & 15, all = entry & 0xff;
    if (used + all > inflate->count)
        return STEP_MORE;
    if ((entry & HUFFMAN_SPECIAL) != 0)
        return STEP_DAMAGED;
    inflate->length = length;
    inflate->distance = (entry >> 16) + (unsigned)lowest(bits >> (used + code), all - code);
    take_bits(inflate, used + all);
    inflate->state = INFLATE_MATCH;
    return inflate->distance <= (size_t)(inflate->out - inflate->oldest) ? STEP_DONE : STEP_DAMAGED;
}

static enum step copy_match(struct inflate *inflate)
{
    for (; inflate->length > 0; inflate->length--) {
        if (inflate->out == inflate->limit)
            return STEP_FULL;
        *inflate->out = *(inflate->out - inflate->distance);
        inflate->out++;
    }
    inflate->state = INFLATE_SYMBOLS;
    return STEP_DONE;
}

/* RFC 1951, 3.2.6 */
static enum step use_fixed_codes(struct inflate *inflate)
{
    uint8_t *lengths = inflate->lengths;
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    memset(lengths + 288, 5, 32);
    huffman_symbols(inflate->symbol_table, lengths, 288);
    huffman_distances(inflate->distance_table, lengths + 288, 32);
    inflate->state = INFLATE_SYMBOLS;
    return STEP_DONE;
}

static void end_block(struct inflate *inflate)
{
    inflate->state = inflate->last_block ? INFLATE_AFTER : INFLATE_HEADER;
}

/* Whether that many bits are there, 56 at most. */
static bool read_ahead(struct inflate *inflate, unsigned wanted)
{
    while (inflate->count < wanted && inflate->in < inflate->end) {
        inflate->bits |= (uint64_t)*inflate->in++ << inflate->count;
        inflate->count += 8;
    }
    return inflate->count >= wanted;
}

/* 32 bits at most for the result; what is passed over may be more. */
static unsigned take_bits(struct inflate *inflate, unsigned count)
{
    unsigned bits = (unsigned)lowest(inflate->bits, count);
    inflate->bits >>= count;
    inflate->count -= count;
    return bits;
}

/* Once the room is mostly used up, only what can still be referred to is kept, and what was not taken yet. */
static void make_room(struct inflate *inflate)
{
    size_t known = (size_t)(inflate->out - inflate->oldest);
    uint8_t *keep = inflate->out - (known < inflate_window ? known : inflate_window);
    if (inflate->taken < keep)
        keep = inflate->taken;
    if (inflate->limit - inflate->out > inflate_room / 2 || keep == inflate->buffer)
        return;
    size_t by = (size_t)(keep - inflate->buffer);
    memmove(inflate->buffer, keep, (size_t)(inflate->out - keep));
    inflate->out -= by;
    inflate->taken -= by;
    inflate->oldest = inflate->oldest < keep ? inflate->buffer : inflate->oldest - by;
}
