#include "ring.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    /* Four buffers stay in a core's second-level cache on their way from one thread to the other. */
    buffer_count = 4,
    buffer_size = 256 * 1024,
    readers_most = 2,
};

struct ring {
    uint8_t *buffers[buffer_count];
    size_t filled[buffer_count];
    /* How many buffers were handed over, and how many of them each reader is done with. */
    uint64_t produced, consumed[readers_most];
    /* Whether the reader still holds the buffer it was given last. */
    bool held[readers_most];
    unsigned readers;
    bool ended, broken;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Of the buffer that is being filled; the writer's alone. */
    size_t used;
};

static bool is_full(const struct ring *ring);
static void hand_over(struct ring *ring);

struct ring *ring_open(unsigned readers, struct fail *why)
{
    struct ring *ring = calloc(1, sizeof *ring);
    bool ready = ring != NULL && readers >= 1 && readers <= readers_most;
    for (int i = 0; ready && i < buffer_count; i++)
        ready = (ring->buffers[i] = malloc(buffer_size)) != NULL;
    if (!ready) {
        ring_close(ring);
        fail(why, "out of memory");
        return NULL;
    }
    ring->readers = readers;
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->changed, NULL);
    return ring;
}

void ring_close(struct ring *ring)
{
    for (int i = 0; ring != NULL && i < buffer_count; i++)
        free(ring->buffers[i]);
    free(ring);
}

uint8_t *ring_room(struct ring *ring, size_t *room)
{
    pthread_mutex_lock(&ring->lock);
    while (!ring->broken && is_full(ring))
        pthread_cond_wait(&ring->changed, &ring->lock);
    bool broken = ring->broken;
    pthread_mutex_unlock(&ring->lock);
    *room = buffer_size - ring->used;
    return broken ? NULL : ring->buffers[ring->produced % buffer_count] + ring->used;
}

void ring_commit(struct ring *ring, size_t size)
{
    ring->used += size;
    if (ring->used == buffer_size)
        hand_over(ring);
}

void ring_end(struct ring *ring)
{
    if (ring->used > 0)
        hand_over(ring);
    pthread_mutex_lock(&ring->lock);
    ring->ended = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

ssize_t ring_next(struct ring *ring, unsigned reader, const uint8_t **piece)
{
    pthread_mutex_lock(&ring->lock);
    if (ring->held[reader]) {
        ring->held[reader] = false;
        ring->consumed[reader]++;
        pthread_cond_broadcast(&ring->changed);
    }
    while (!ring->broken && !ring->ended && ring->consumed[reader] == ring->produced)
        pthread_cond_wait(&ring->changed, &ring->lock);
    ssize_t size = 0;
    if (ring->broken) {
        size = -1;
    } else if (ring->consumed[reader] < ring->produced) {
        size_t index = ring->consumed[reader] % buffer_count;
        ring->held[reader] = true;
        *piece = ring->buffers[index];
        size = (ssize_t)ring->filled[index];
    }
    pthread_mutex_unlock(&ring->lock);
    return size;
}

void ring_break(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->broken = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

static bool is_full(const struct ring *ring)
{
    for (unsigned i = 0; i < ring->readers; i++)
        if (ring->produced - ring->consumed[i] == buffer_count)
            return true;
    return false;
}

static void hand_over(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->filled[ring->produced % buffer_count] = ring->used;
    ring->produced++;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
    ring->used = 0;
}
