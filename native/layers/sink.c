#include "sink.h"

#include "../lib/ring.h"
#include "../lib/sha256.h"
#include "../lib/util.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    struct ring *ring;
    pthread_t thread;
    uint64_t total;
    int output;
    int write_error;
    struct sha256 hash;
};

static void *consume(void *argument);

struct sink *sink_open(int output, struct fail *why)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        fail(why, "out of memory");
        return NULL;
    }
    if ((sink->ring = ring_open(1, why)) == NULL)
        return NULL;
    sink->output = output;
    sha256_start(&sink->hash);
    int error = pthread_create(&sink->thread, NULL, consume, sink);
    if (error != 0) {
        errno = error;
        fail_errno(why, "no thread can be started");
        return NULL;
    }
    return sink;
}

uint8_t *sink_room(struct sink *sink, size_t *room)
{
    return ring_room(sink->ring, room);
}

void sink_commit(struct sink *sink, size_t size)
{
    sink->total += size;
    ring_commit(sink->ring, size);
}

void sink_write(struct sink *sink, const void *data, size_t size)
{
    const uint8_t *next = data;
    while (size > 0) {
        size_t room;
        uint8_t *into = sink_room(sink, &room);
        size_t take = room < size ? room : size;
        memcpy(into, next, take);
        sink_commit(sink, take);
        next += take;
        size -= take;
    }
}

void sink_zeros(struct sink *sink, size_t size)
{
    while (size > 0) {
        size_t room;
        uint8_t *into = sink_room(sink, &room);
        size_t take = room < size ? room : size;
        memset(into, 0, take);
        sink_commit(sink, take);
        size -= take;
    }
}

int sink_finish(struct sink *sink, char digest[65], uint64_t *size, struct fail *why)
{
    ring_end(sink->ring);
    pthread_join(sink->thread, NULL);
    sha256_finish_hex(&sink->hash, digest);
    *size = sink->total;
    errno = sink->write_error;
    int result = errno == 0 ? 0 : fail_errno(why, "the archive cannot be written");
    ring_close(sink->ring);
    free(sink);
    return result;
}

static void *consume(void *argument)
{
    struct sink *sink = argument;
    const uint8_t *piece;
    ssize_t size;
    while ((size = ring_next(sink->ring, 0, &piece)) > 0) {
        sha256_update(&sink->hash, piece, (size_t)size);
        if (sink->output >= 0 && sink->write_error == 0 && write_all(sink->output, piece, (size_t)size) < 0)
            sink->write_error = errno;
    }
    return NULL;
}
