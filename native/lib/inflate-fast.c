#include "inflate-state.h"

/*
 * The loop that decodes nearly everything. Around it there is so much input and room that nothing has to be looked at
 * for each symbol: 32 bytes of input are more than three refills take, and one turn writes six literals and a match.
 *
 * A refill leaves at least 56 bits. Three times 11 bits for literals, or 20 for a length after two of those, fit into
 * them; a distance takes 28 after another refill. Bits above `count` are those that the next refill puts there again.
 */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "written for processors that put the lowest byte first"
#endif

enum { input_ahead = 32, room_ahead = 8 + inflate_longest_match };

#define EXPECTED(x) __builtin_expect(!!(x), 1)
#define UNEXPECTED(x) __builtin_expect(!!(x), 0)

#define REFILL()                                                                                                       \
    do {                                                                                                               \
        bits |= load64(in) << count;                                                                                   \
        in += (63 - count) >> 3;                                                                                       \
        count |= 56;                                                                                                   \
    } while (0)

#define CONSUME(entry)                                                                                                 \
    do {                                                                                                               \
        bits >>= (entry)&0xff;                                                                                         \
        count -= (entry)&0xff;                                                                                         \
    } while (0)

#define LITERALS(entry)                                                                                                \
    do {                                                                                                               \
        uint16_t pair = (uint16_t)((entry) >> 8);                                                                      \
        memcpy(out, &pair, sizeof pair);                                                                               \
        out += 1 + ((entry) >> 30 & 1);                                                                                \
        CONSUME(entry);                                                                                                \
    } while (0)

static inline uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void copy8(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, 8);
}

/* Writes up to 40 bytes more than it is asked for. */
static inline void copy_back(uint8_t *out, unsigned distance, unsigned length)
{
    const uint8_t *from = out - distance;
    uint8_t *end = out + length;
    if (EXPECTED(distance >= 8)) {
        do {
            copy8(out, from);
            copy8(out + 8, from + 8);
            out += 16;
            from += 16;
        } while (UNEXPECTED(out < end));
    } else if (distance == 1) {
        memset(out, *from, length);
    } else {
        do {
            copy8(out, from);
            out += distance;
            from += distance;
        } while (out < end);
    }
}

__attribute__((always_inline)) static inline bool run(struct inflate *inflate)
{
    const uint32_t *const symbols = inflate->symbol_table, *const distances = inflate->distance_table;
    const uint8_t *in = inflate->in, *const in_last = inflate->end - input_ahead;
    uint8_t *out = inflate->out, *const out_last = inflate->limit - room_ahead, *const oldest = inflate->oldest;
    uint64_t bits = inflate->bits;
    unsigned count = inflate->count;
    bool good = true;

    REFILL();
    uint32_t entry = symbols[lowest(bits, huffman_symbol_bits)];
    do {
        if ((entry & HUFFMAN_LITERAL) != 0) {
            LITERALS(entry);
            entry = symbols[lowest(bits, huffman_symbol_bits)];
            if ((entry & HUFFMAN_LITERAL) != 0) {
                LITERALS(entry);
                entry = symbols[lowest(bits, huffman_symbol_bits)];
                if ((entry & HUFFMAN_LITERAL) != 0) {
                    LITERALS(entry);
                    REFILL();
                    entry = symbols[lowest(bits, huffman_symbol_bits)];
                    continue;
                }
            }
        }
        if (UNEXPECTED((entry & HUFFMAN_SPECIAL) != 0)) {
            if ((entry & HUFFMAN_LONGER) != 0) {
                unsigned inner = entry >> 8 & 15;
                CONSUME(entry);
                entry = symbols[(entry >> 16) + lowest(bits, inner)];
            }
            if ((entry & HUFFMAN_LITERAL) != 0) {
                LITERALS(entry);
                REFILL();
                entry = symbols[lowest(bits, huffman_symbol_bits)];
                continue;
            }
            if (UNEXPECTED((entry & HUFFMAN_SPECIAL) != 0)) {
                good = (entry & HUFFMAN_END) != 0;
                CONSUME(entry);
                inflate->state = inflate->last_block ? INFLATE_AFTER : INFLATE_HEADER;
                break;
            }
        }
        unsigned length = (entry >> 16) + (unsigned)(lowest(bits, entry & 0xff) >> (entry >> 8 & 15));
        CONSUME(entry);
        REFILL();
        entry = distances[lowest(bits, huffman_distance_bits)];
        if (UNEXPECTED((entry & HUFFMAN_SPECIAL) != 0)) {
            if ((entry & HUFFMAN_LONGER) != 0) {
                unsigned inner = entry >> 8 & 15;
                CONSUME(entry);
                entry = distances[(entry >> 16) + lowest(bits, inner)];
            }
            if ((entry & HUFFMAN_SPECIAL) != 0) {
                good = false;
                break;
            }
        }
        unsigned distance = (entry >> 16) + (unsigned)(lowest(bits, entry & 0xff) >> (entry >> 8 & 15));
        CONSUME(entry);
        if (UNEXPECTED(distance > (size_t)(out - oldest))) {
            good = false;
            break;
        }
        REFILL();
        /* Looked up before the copy, which takes its time. */
        entry = symbols[lowest(bits, huffman_symbol_bits)];
        copy_back(out, distance, length);
        out += length;
    } while (in < in_last && out < out_last);

    inflate->in = in;
    inflate->out = out;
    inflate->count = count;
    inflate->bits = lowest(bits, count);
    return good;
}

#if defined(__x86_64__)
/* Shifts by a variable number of bits are much cheaper with this extension. */
__attribute__((target("bmi2"))) static bool run_bmi2(struct inflate *inflate)
{
    return run(inflate);
}
#endif

bool inflate_fast(struct inflate *inflate)
{
    if (inflate->end - inflate->in <= input_ahead || inflate->limit - inflate->out <= room_ahead)
        return true;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2"))
        return run_bmi2(inflate);
#endif
    return run(inflate);
}
