#include "blob.h"

#include "../lib/ring.h"
#include "../lib/sha256.h"
#include "../lib/sha512.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /*
     * How much is received of a layer that is refused already: enough to tell of small ones whether they came as they
     * were sent, which says more than what is wrong with their content.
     */
    surplus_most = 16 * 1024 * 1024,
    algorithm_length = 7,
    threads_most = 3,
};

struct verdict {
    bool failed;
    struct fail why;
};

struct blob {
    int input;
    struct blob_expected expected;
    struct ring *packed, *plain;
    struct stream *archive;
    pthread_t threads[threads_most];
    int started;
    /* Each belongs to its thread until that ends. */
    struct verdict received, inflated;
    char diff_id[65];
    uint64_t size;
};

static int start(struct blob *blob, struct fail *why);
static void *receive(void *argument);
static void *inflate_all(void *argument);
static void *hash_archive(void *argument);
static int receive_all(struct blob *blob, struct fail *why);
static ssize_t next_packed(void *context, const uint8_t **piece, struct fail *why);
static ssize_t next_plain(void *context, const uint8_t **piece, struct fail *why);

struct blob *blob_open(int input, const struct blob_expected *expected, struct fail *why)
{
    struct blob *blob = calloc(1, sizeof *blob);
    if (blob == NULL) {
        fail(why, "out of memory");
        return NULL;
    }
    blob->input = input;
    blob->expected = *expected;
    if ((blob->packed = ring_open(1, why)) == NULL || (blob->plain = ring_open(2, why)) == NULL ||
        (blob->archive = stream_open_source(COMPRESSION_NONE, (struct source){next_plain, blob}, why)) == NULL ||
        start(blob, why) < 0)
        return NULL;
    return blob;
}

struct stream *blob_stream(struct blob *blob)
{
    return blob->archive;
}

int blob_finish(struct blob *blob, bool complete, uint64_t *size, struct fail *why)
{
    int result = complete ? 0 : -1;
    if (!complete)
        ring_break(blob->plain);
    while (blob->started > 0)
        pthread_join(blob->threads[--blob->started], NULL);
    *size = blob->size;
    const struct verdict *verdict = blob->received.failed ? &blob->received : &blob->inflated;
    if (verdict->failed) {
        *why = verdict->why;
        result = -1;
    } else if (complete && strcmp(blob->diff_id, blob->expected.diff_id + algorithm_length) != 0) {
        result = fail(why, "the layer's diffID is sha256:%s, not %s as the image says", blob->diff_id,
                      blob->expected.diff_id);
    }
    stream_close(blob->archive);
    ring_close(blob->packed);
    ring_close(blob->plain);
    free(blob);
    return result;
}

static int start(struct blob *blob, struct fail *why)
{
    void *(*const stages[threads_most])(void *) = {receive, inflate_all, hash_archive};
    for (; blob->started < threads_most; blob->started++) {
        int error = pthread_create(&blob->threads[blob->started], NULL, stages[blob->started], blob);
        if (error != 0) {
            errno = error;
            return fail_errno(why, "no thread can be started");
        }
    }
    return 0;
}

/* Whatever is decided here is decided before the next stage is told of an end. */
static void *receive(void *argument)
{
    struct blob *blob = argument;
    blob->received.failed = receive_all(blob, &blob->received.why) < 0;
    if (blob->received.failed)
        ring_break(blob->packed);
    else
        ring_end(blob->packed);
    return NULL;
}

static int receive_all(struct blob *blob, struct fail *why)
{
    static uint8_t surplus[65536];
    struct sha256 sha256;
    struct sha512 sha512;
    bool is_sha512 = strncmp(blob->expected.digest, "sha512:", algorithm_length) == 0;
    uint64_t total = 0, wasted = 0, size = blob->expected.size;
    sha256_start(&sha256);
    sha512_start(&sha512);
    for (;;) {
        size_t room;
        uint8_t *kept = ring_room(blob->packed, &room);
        uint8_t *into = kept == NULL ? surplus : kept;
        ssize_t got = read(blob->input, into, kept == NULL ? sizeof surplus : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(why, "the compressed layer cannot be received");
        if (got == 0)
            break;
        total += (uint64_t)got;
        if (total > size)
            return fail(why, "the compressed layer is longer than %llu bytes", (unsigned long long)size);
        if (is_sha512)
            sha512_update(&sha512, into, (size_t)got);
        else
            sha256_update(&sha256, into, (size_t)got);
        if (kept != NULL)
            ring_commit(blob->packed, (size_t)got);
        else if ((wasted += (uint64_t)got) > surplus_most)
            return 0;
    }
    if (total < size)
        return fail(why, "the compressed layer ended after %llu of %llu bytes", (unsigned long long)total,
                    (unsigned long long)size);
    char digest[129];
    if (is_sha512)
        sha512_finish_hex(&sha512, digest);
    else
        sha256_finish_hex(&sha256, digest);
    if (strcmp(digest, blob->expected.digest + algorithm_length) != 0)
        return fail(why, "the compressed layer has the digest %s:%s, not %s", is_sha512 ? "sha512" : "sha256", digest,
                    blob->expected.digest);
    return 0;
}

static void *inflate_all(void *argument)
{
    struct blob *blob = argument;
    struct verdict *verdict = &blob->inflated;
    struct stream *stream =
        stream_open_source(blob->expected.compression, (struct source){next_packed, blob}, &verdict->why);
    ssize_t got = stream == NULL ? -1 : 1;
    while (got > 0) {
        size_t room;
        uint8_t *into = ring_room(blob->plain, &room);
        if (into == NULL)
            break;
        got = stream_read(stream, into, room, &verdict->why);
        if (got > 0)
            ring_commit(blob->plain, (size_t)got);
    }
    verdict->failed = got < 0;
    stream_close(stream);
    if (got == 0) {
        ring_end(blob->plain);
    } else {
        ring_break(blob->packed);
        ring_break(blob->plain);
    }
    return NULL;
}

static void *hash_archive(void *argument)
{
    struct blob *blob = argument;
    struct sha256 hash;
    const uint8_t *piece;
    ssize_t size;
    sha256_start(&hash);
    while ((size = ring_next(blob->plain, 1, &piece)) > 0) {
        sha256_update(&hash, piece, (size_t)size);
        blob->size += (uint64_t)size;
    }
    sha256_finish_hex(&hash, blob->diff_id);
    return NULL;
}

static ssize_t next_packed(void *context, const uint8_t **piece, struct fail *why)
{
    struct blob *blob = context;
    ssize_t size = ring_next(blob->packed, 0, piece);
    return size < 0 ? fail(why, "the layer was broken off") : size;
}

static ssize_t next_plain(void *context, const uint8_t **piece, struct fail *why)
{
    struct blob *blob = context;
    ssize_t size = ring_next(blob->plain, 0, piece);
    return size < 0 ? fail(why, "the layer was broken off") : size;
}
