#pragma once

#include "../lib/fail.h"
#include "../lib/tar.h"

#include <stdbool.h>
#include <stdint.h>

/** What a descriptor and the image's configuration (OCI image specification), or a lock, say about an archive. */
struct blob_expected {
    /** "sha256:…" or "sha512:…", of the compressed bytes; NULL when it is not known. */
    const char *digest;
    /** Of the compressed bytes; BLOB_SIZE_UNKNOWN is any. */
    uint64_t size;
    /** NULL until it was said, else one of "none", "gzip" and "zstd". */
    const char *compression;
    /** "sha256:…", of the archive; NULL when it is not known. */
    const char *diff_id;
};
#define BLOB_SIZE_UNKNOWN UINT64_MAX

/** What was found out about the archive. */
struct blob_found {
    char diff_id[72];
    uint64_t size;
};

/**
 * Takes the value of --digest, --size, --diff-id or --compression; false when `option` is another one. Ends the process
 * when the value is none. Which of them are needed is for the caller to say.
 */
bool blob_option(struct blob_expected *expected, const char *option, const char *value);

/** Reads the entries of an archive; -1 after filling `why`. */
struct archive_reader {
    int (*read)(void *context, struct tar *tar, struct fail *why);
    void *context;
};

/**
 * Reads the archive that comes on a descriptor: one thread receives and hashes, one decompresses, one hashes what comes
 * out, and this one is in the reader, each while the others work. 0 when the reader was content and size, digest and
 * diffID are right, as far as they were known; else -1 and in `why` the first reason on the way from the input, or what
 * the reader put there itself.
 */
int blob_read(int input, const struct blob_expected *expected, struct archive_reader reader, struct blob_found *found,
              struct fail *why);
