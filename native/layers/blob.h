#pragma once

#include "../lib/fail.h"
#include "../lib/stream.h"

#include <stdbool.h>
#include <stdint.h>

/** What a descriptor and the image's configuration say about a layer (OCI image specification). */
struct blob_expected {
    /** "sha256:…" or "sha512:…", of the compressed bytes. */
    const char *digest;
    uint64_t size;
    enum compression compression;
    /** "sha256:…", of the archive. */
    const char *diff_id;
};

/*
 * A layer on its way from a descriptor to whoever reads its archive: one thread receives and hashes, one decompresses,
 * one hashes what comes out, each while the others work.
 */
struct blob;

/** `input` is a descriptor. NULL after filling `why`. */
struct blob *blob_open(int input, const struct blob_expected *expected, struct fail *why);

/** The archive, for one reader in one thread. */
struct stream *blob_stream(struct blob *blob);

/**
 * Ends the transfer and frees it. `complete` when the archive was read to its end and found good. Then 0 when size,
 * digest and diffID are right, and the archive's size; else -1 and in `why` the first reason on the way from the
 * input, or what the reader put there itself.
 */
int blob_finish(struct blob *blob, bool complete, uint64_t *size, struct fail *why);
