#include "gunzip.h"

#include "crc32.h"
#include "inflate.h"

#include <stdlib.h>
#include <string.h>

/* RFC 1952, 2.3.1 */
enum { HAS_SUM = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, RESERVED = 0xe0 };

/* What the next byte belongs to, in the order of the file; RFC 1952, 2.3. */
enum stage { STAGE_FIXED, STAGE_EXTRA_SIZE, STAGE_EXTRA, STAGE_NAME, STAGE_COMMENT, STAGE_SUM, STAGE_BODY, STAGE_TRAILER };

struct gunzip {
    struct inflate *inflate;
    enum stage stage;
    /* Bytes of this stage so far, and what they say when that is a number. */
    unsigned have;
    uint64_t number;
    uint8_t flags;
    unsigned extra;
    /* CRC-32 of the header, then of what came out, and how much that is, modulo 2^32. */
    uint32_t sum, size;
    bool after_member;
};

static ssize_t read_body(struct gunzip *gunzip, const uint8_t **in, size_t *left, uint8_t *into, size_t size,
                         struct fail *why);
static int take_byte(struct gunzip *gunzip, uint8_t byte, struct fail *why);
static bool is_fixed_right(const struct gunzip *gunzip, uint8_t byte);
static void enter(struct gunzip *gunzip, enum stage stage);

struct gunzip *gunzip_open(void)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);
    if (gunzip == NULL || (gunzip->inflate = inflate_open()) == NULL) {
        free(gunzip);
        return NULL;
    }
    return gunzip;
}

void gunzip_close(struct gunzip *gunzip)
{
    if (gunzip != NULL)
        inflate_close(gunzip->inflate);
    free(gunzip);
}

bool gunzip_may_end(const struct gunzip *gunzip)
{
    return gunzip->after_member && gunzip->stage == STAGE_FIXED && gunzip->have == 0;
}

ssize_t gunzip_read(struct gunzip *gunzip, const uint8_t **in, size_t *left, uint8_t *into, size_t size,
                    struct fail *why)
{
    for (;;) {
        if (gunzip->stage == STAGE_BODY) {
            ssize_t got = read_body(gunzip, in, left, into, size, why);
            if (got != 0 || gunzip->stage == STAGE_BODY)
                return got;
        }
        int byte = inflate_byte(gunzip->inflate, in, left);
        if (byte < 0)
            return 0;
        if (take_byte(gunzip, (uint8_t)byte, why) < 0)
            return -1;
    }
}

static ssize_t read_body(struct gunzip *gunzip, const uint8_t **in, size_t *left, uint8_t *into, size_t size,
                         struct fail *why)
{
    const uint8_t *piece;
    size_t got = inflate_take(gunzip->inflate, &piece, size);
    if (got == 0) {
        enum inflate_result result = inflate_run(gunzip->inflate, in, left);
        if (result == INFLATE_DAMAGED)
            return fail(why, "the gzip data is damaged");
        got = inflate_take(gunzip->inflate, &piece, size);
        if (got == 0 && result == INFLATE_END)
            enter(gunzip, STAGE_TRAILER);
    }
    memcpy(into, piece, got);
    gunzip->sum = crc32_update(gunzip->sum, piece, got);
    gunzip->size += (uint32_t)got;
    return (ssize_t)got;
}

static int take_byte(struct gunzip *gunzip, uint8_t byte, struct fail *why)
{
    if (gunzip->stage == STAGE_FIXED && gunzip->have == 0) {
        if (gunzip->after_member && byte != 0x1f)
            return fail(why, "the gzip data is followed by something else");
        gunzip->sum = 0;
    }
    if (gunzip->stage < STAGE_SUM)
        gunzip->sum = crc32_update(gunzip->sum, &byte, 1);
    if (gunzip->stage == STAGE_FIXED && !is_fixed_right(gunzip, byte))
        return fail(why, "the gzip data is damaged");
    if (gunzip->stage == STAGE_FIXED && gunzip->have == 3)
        gunzip->flags = byte;
    if (gunzip->have < 8)
        gunzip->number |= (uint64_t)byte << 8 * gunzip->have;
    gunzip->have++;
    switch (gunzip->stage) {
    case STAGE_FIXED:
        if (gunzip->have == 10)
            enter(gunzip, STAGE_EXTRA_SIZE);
        break;
    case STAGE_EXTRA_SIZE:
        gunzip->extra = (unsigned)gunzip->number;
        if (gunzip->have == 2)
            enter(gunzip, gunzip->extra > 0 ? STAGE_EXTRA : STAGE_NAME);
        break;
    case STAGE_EXTRA:
        if (gunzip->have == gunzip->extra)
            enter(gunzip, STAGE_NAME);
        break;
    case STAGE_NAME:
    case STAGE_COMMENT:
        /* Of any length: nothing of it is kept. */
        gunzip->have = 0;
        if (byte == 0)
            enter(gunzip, gunzip->stage + 1);
        break;
    case STAGE_SUM:
        if (gunzip->have == 2 && gunzip->number != (gunzip->sum & 0xffff))
            return fail(why, "the gzip data is damaged");
        if (gunzip->have == 2)
            enter(gunzip, STAGE_BODY);
        break;
    case STAGE_TRAILER:
        if (gunzip->have < 8)
            break;
        if (gunzip->number != ((uint64_t)gunzip->size << 32 | gunzip->sum))
            return fail(why, "the gzip data is damaged");
        gunzip->after_member = true;
        enter(gunzip, STAGE_FIXED);
        break;
    case STAGE_BODY:
        break;
    }
    return 0;
}

/* The two marks, the only method, and no flags that nobody knows; time, level and system say nothing here. */
static bool is_fixed_right(const struct gunzip *gunzip, uint8_t byte)
{
    static const uint8_t marks[] = {0x1f, 0x8b, 8};
    return gunzip->have < sizeof marks ? byte == marks[gunzip->have] : gunzip->have > 3 || (byte & RESERVED) == 0;
}

/* The stage, or the next one that this member has. */
static void enter(struct gunzip *gunzip, enum stage stage)
{
    gunzip->have = 0;
    gunzip->number = 0;
    if ((stage == STAGE_EXTRA_SIZE || stage == STAGE_EXTRA) && (gunzip->flags & HAS_EXTRA) == 0)
        stage = STAGE_NAME;
    if (stage == STAGE_NAME && (gunzip->flags & HAS_NAME) == 0)
        stage = STAGE_COMMENT;
    if (stage == STAGE_COMMENT && (gunzip->flags & HAS_COMMENT) == 0)
        stage = STAGE_SUM;
    if (stage == STAGE_SUM && (gunzip->flags & HAS_SUM) == 0)
        stage = STAGE_BODY;
    if (stage == STAGE_BODY) {
        gunzip->sum = 0;
        gunzip->size = 0;
        inflate_start(gunzip->inflate);
    }
    gunzip->stage = stage;
}
