#include "sink.h"

#include "../lib/sha256.h"
#include "../lib/util.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* Four buffers stay in a core's second-level cache on their way from one thread to the other. */
    buffer_count = 4,
    buffer_size = 256 * 1024,
};

struct sink {
    uint8_t *buffers[buffer_count];
    size_t filled[buffer_count];
    /* How many buffers were handed over, and how many of them are done with. */
    uint64_t produced, consumed;
    bool ended;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    size_t used;
    uint64_t total;
    int output;
    int write_error;
    struct sha256 hash;
};

static void *consume(void *argument);
static void hand_over(struct sink *sink);

struct sink *sink_open(int output, struct fail *why)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        fail(why, "out of memory");
        return NULL;
    }
    for (int i = 0; i < buffer_count; i++)
        if ((sink->buffers[i] = malloc(buffer_size)) == NULL) {
            fail(why, "out of memory");
            return NULL;
        }
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
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
    *room = buffer_size - sink->used;
    return sink->buffers[sink->produced % buffer_count] + sink->used;
}

void sink_commit(struct sink *sink, size_t size)
{
    sink->used += size;
    sink->total += size;
    if (sink->used == buffer_size)
        hand_over(sink);
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
    if (sink->used > 0)
        hand_over(sink);
    pthread_mutex_lock(&sink->lock);
    sink->ended = true;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    pthread_join(sink->thread, NULL);
    sha256_finish_hex(&sink->hash, digest);
    *size = sink->total;
    errno = sink->write_error;
    int result = errno == 0 ? 0 : fail_errno(why, "the archive cannot be written");
    for (int i = 0; i < buffer_count; i++)
        free(sink->buffers[i]);
    free(sink);
    return result;
}

static void hand_over(struct sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    sink->filled[sink->produced % buffer_count] = sink->used;
    sink->produced++;
    pthread_cond_broadcast(&sink->changed);
    while (sink->produced - sink->consumed == buffer_count)
        pthread_cond_wait(&sink->changed, &sink->lock);
    pthread_mutex_unlock(&sink->lock);
    sink->used = 0;
}

static void *consume(void *argument)
{
    struct sink *sink = argument;
    pthread_mutex_lock(&sink->lock);
    for (;;) {
        while (sink->consumed == sink->produced && !sink->ended)
            pthread_cond_wait(&sink->changed, &sink->lock);
        if (sink->consumed == sink->produced)
            break;
        size_t index = sink->consumed % buffer_count;
        size_t size = sink->filled[index];
        pthread_mutex_unlock(&sink->lock);
        sha256_update(&sink->hash, sink->buffers[index], size);
        if (sink->output >= 0 && sink->write_error == 0 && write_all(sink->output, sink->buffers[index], size) < 0)
            sink->write_error = errno;
        pthread_mutex_lock(&sink->lock);
        sink->consumed++;
        pthread_cond_broadcast(&sink->changed);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}
