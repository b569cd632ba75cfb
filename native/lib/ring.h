#pragma once

#include "fail.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * A few buffers on their way from one thread to one or two others, each of which sees all of them. Whoever is faster
 * waits, so that memory stays bounded whatever goes through.
 */
struct ring;

/** NULL after filling `why`. */
struct ring *ring_open(unsigned readers, struct fail *why);
/** Once no thread uses it any more. */
void ring_close(struct ring *ring);

/** For the writer: room for at least one byte, to be filled in place. NULL when the ring was broken. */
uint8_t *ring_room(struct ring *ring, size_t *room);
/** How much of the room was filled. */
void ring_commit(struct ring *ring, size_t size);
/** All is written: the readers get what is left, then the end. */
void ring_end(struct ring *ring);

/** For the reader of this number: the next piece, valid until its next call; 0 at the end, -1 when it was broken. */
ssize_t ring_next(struct ring *ring, unsigned reader, const uint8_t **piece);

/** For whoever cannot go on: nobody waits for anything any more. */
void ring_break(struct ring *ring);
