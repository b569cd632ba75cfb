#include "blob.h"

#include "../lib/ring.h"
#include "../lib/sha256.h"
#include "../lib/sha512.h"
#include "../lib/stream.h"
#include "../lib/util.h"

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
    /* What is more than that is mostly zeros, and made to fill the disk. */
    expansion_most = 100,
};
/* Of any archive, however small it came. */
static const uint64_t expansion_free = 1024 * 1024 * 1024;

struct verdict {
    bool failed;
    struct fail why;
};

/* An archive on its way from a descriptor to whoever reads it. */
struct blob {
    int input;
    struct blob_expected expected;
    struct ring *packed, *plain;
    struct stream *archive;
    pthread_t threads[threads_most];
    int started;
    /* Each belongs to its thread until that ends. */
    struct verdict received, inflated;
    /* Bytes that went into the decompressor. */
    uint64_t consumed;
    struct blob_found found;
};

static enum compression compression_of(const char *name);
static void check_digest(const char *option, const char *digest, bool may_be_sha512);
static struct blob *blob_open(int input, const struct blob_expected *expected, struct fail *why);
static int blob_finish(struct blob *blob, bool complete, struct blob_found *found, struct fail *why);
static int start(struct blob *blob, struct fail *why);
static void *receive(void *argument);
static void *inflate_all(void *argument);
static void *hash_archive(void *argument);
static int receive_all(struct blob *blob, struct fail *why);
static ssize_t next_packed(void *context, const uint8_t **piece, struct fail *why);
static ssize_t next_plain(void *context, const uint8_t **piece, struct fail *why);

bool blob_option(struct blob_expected *expected, const char *option, const char *value)
{
    if (strcmp(option, "--digest") == 0)
        check_digest(option, expected->digest = value, true);
    else if (strcmp(option, "--diff-id") == 0)
        check_digest(option, expected->diff_id = value, false);
    else if (strcmp(option, "--size") == 0)
        expected->size = number(option, value, INT64_MAX);
    else if (strcmp(option, "--compression") == 0)
        compression_of(expected->compression = value);
    else
        return false;
    return true;
}

int blob_read(int input, const struct blob_expected *expected, struct archive_reader reader, struct blob_found *found,
              struct fail *why)
{
    struct blob *blob = blob_open(input, expected, why);
    if (blob == NULL)
        return -1;
    struct tar *tar = tar_open(blob->archive);
    if (tar != NULL && (expected->digest != NULL || expected->diff_id != NULL))
        tar_may_end(tar);
    int result = tar == NULL ? fail(why, "out of memory") : reader.read(reader.context, tar, why);
    tar_close(tar);
    return blob_finish(blob, result == 0, found, why);
}

/* OCI image specification, media-types.md: layers are not compressed in any other way. */
static enum compression compression_of(const char *name)
{
    if (strcmp(name, "none") == 0)
        return COMPRESSION_NONE;
    if (strcmp(name, "gzip") == 0)
        return COMPRESSION_GZIP;
    if (strcmp(name, "zstd") == 0)
        return COMPRESSION_ZSTD;
    die("--compression %s: not none, gzip or zstd", name);
}

/* OCI image specification, descriptor.md, "Registered Algorithms" */
static void check_digest(const char *option, const char *digest, bool may_be_sha512)
{
    size_t digits = strncmp(digest, "sha256:", 7) == 0                    ? 64
                    : may_be_sha512 && strncmp(digest, "sha512:", 7) == 0 ? 128
                                                                          : 0;
    if (digits == 0 || strlen(digest) != 7 + digits || strspn(digest + 7, "0123456789abcdef") != digits)
        die("%s %s: not a digest", option, digest);
}

static struct blob *blob_open(int input, const struct blob_expected *expected, struct fail *why)
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

static int blob_finish(struct blob *blob, bool complete, struct blob_found *found, struct fail *why)
{
    int result = complete ? 0 : -1;
    if (!complete)
        ring_break(blob->plain);
    while (blob->started > 0)
        pthread_join(blob->threads[--blob->started], NULL);
    *found = blob->found;
    const struct verdict *verdict = blob->received.failed ? &blob->received : &blob->inflated;
    if (verdict->failed) {
        *why = verdict->why;
        result = -1;
    } else if (complete && blob->expected.diff_id != NULL && strcmp(found->diff_id, blob->expected.diff_id) != 0) {
        result = fail(why, "the layer's diffID is %s, not %s as the image says", found->diff_id, blob->expected.diff_id);
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
    const char *wanted = blob->expected.digest;
    bool is_sha512 = wanted != NULL && strncmp(wanted, "sha512:", algorithm_length) == 0;
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
            return fail_errno(why, "the compressed archive cannot be received");
        if (got == 0)
            break;
        total += (uint64_t)got;
        if (total > size)
            return fail(why, "the compressed archive is longer than %llu bytes", (unsigned long long)size);
        if (is_sha512)
            sha512_update(&sha512, into, (size_t)got);
        else if (wanted != NULL)
            sha256_update(&sha256, into, (size_t)got);
        if (kept != NULL)
            ring_commit(blob->packed, (size_t)got);
        else if ((wasted += (uint64_t)got) > surplus_most)
            return 0;
    }
    if (total < size && size != BLOB_SIZE_UNKNOWN)
        return fail(why, "the compressed archive ended after %llu of %llu bytes", (unsigned long long)total,
                    (unsigned long long)size);
    if (wanted == NULL)
        return 0;
    char digest[129];
    if (is_sha512)
        sha512_finish_hex(&sha512, digest);
    else
        sha256_finish_hex(&sha256, digest);
    if (strcmp(digest, wanted + algorithm_length) != 0)
        return fail(why, "the compressed archive has the digest %s:%s, not %s", is_sha512 ? "sha512" : "sha256", digest,
                    wanted);
    return 0;
}

static void *inflate_all(void *argument)
{
    struct blob *blob = argument;
    struct verdict *verdict = &blob->inflated;
    enum compression compression = compression_of(blob->expected.compression);
    struct stream *stream = stream_open_source(compression, (struct source){next_packed, blob}, &verdict->why);
    ssize_t got = stream == NULL ? -1 : 1;
    uint64_t total = 0;
    while (got > 0) {
        size_t room;
        uint8_t *into = ring_room(blob->plain, &room);
        if (into == NULL)
            break;
        got = stream_read(stream, into, room, &verdict->why);
        if (got > 0 && (total += (uint64_t)got) > expansion_free + expansion_most * blob->consumed)
            got = fail(&verdict->why, "the archive is more than %d times as large as what came", expansion_most);
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
        blob->found.size += (uint64_t)size;
    }
    memcpy(blob->found.diff_id, "sha256:", algorithm_length);
    sha256_finish_hex(&hash, blob->found.diff_id + algorithm_length);
    return NULL;
}

static ssize_t next_packed(void *context, const uint8_t **piece, struct fail *why)
{
    struct blob *blob = context;
    ssize_t size = ring_next(blob->packed, 0, piece);
    blob->consumed += size > 0 ? (uint64_t)size : 0;
    return size < 0 ? fail(why, "the archive was broken off") : size;
}

static ssize_t next_plain(void *context, const uint8_t **piece, struct fail *why)
{
    struct blob *blob = context;
    ssize_t size = ring_next(blob->plain, 0, piece);
    return size < 0 ? fail(why, "the archive was broken off") : size;
}
