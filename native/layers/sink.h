#pragma once

#include "../lib/fail.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Where an archive goes: a second thread hashes it, and writes it when there is an output, while the first one
 * still reads files into the next buffer.
 */
struct sink;

/** `output` is a descriptor, or -1 to compute the digest alone. NULL after filling `why`. */
struct sink *sink_open(int output, struct fail *why);

/** Room for at least one byte, to be filled in place; then sink_commit() says how much was filled. */
uint8_t *sink_room(struct sink *sink, size_t *room);
void sink_commit(struct sink *sink, size_t size);
void sink_write(struct sink *sink, const void *data, size_t size);
void sink_zeros(struct sink *sink, size_t size);

/** Ends the archive and frees the sink; -1 when the output could not be written. */
int sink_finish(struct sink *sink, char digest[65], uint64_t *size, struct fail *why);
