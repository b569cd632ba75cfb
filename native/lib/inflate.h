#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * DEFLATE (RFC 1951) of any length in pieces of any size. Our own, because unpacking is what the program does most and
 * this is more than twice as fast as zlib; the libraries that are as fast are not there to be linked statically, or
 * want everything in memory.
 */
struct inflate;

enum inflate_result {
    /** All that was given is used up. */
    INFLATE_MORE,
    /** There is something to take, and no room for more. */
    INFLATE_FULL,
    /** The last block has ended. */
    INFLATE_END,
    INFLATE_DAMAGED,
};

/** NULL without memory. */
struct inflate *inflate_open(void);
void inflate_close(struct inflate *inflate);

/** Begins with a stream that knows nothing of what came before. All that came out must have been taken. */
void inflate_start(struct inflate *inflate);

/** Goes on until one of the results above; moves `*in` over what was used. */
enum inflate_result inflate_run(struct inflate *inflate, const uint8_t **in, size_t *left);

/** What came out since it was taken last, valid until the next run; 0 when there is nothing. */
size_t inflate_take(struct inflate *inflate, const uint8_t **piece, size_t most);

/** For what follows the last block: the next byte, which the decoder may have read ahead; -1 when there is none yet. */
int inflate_byte(struct inflate *inflate, const uint8_t **in, size_t *left);
