#pragma once

#include <stddef.h>

/*
 * The two verbs that touch the content of layers. Both run as root of the user namespace, after `store`, a descriptor
 * of the store's directory, was opened outside it. They return the exit code, or end the process with a message.
 */

/** Options: --root NAME, --symlink LINK TARGET…, --deb NAME ARCHITECTURE SHA256 FILE… (FILE below the store). */
int unpack_debs(int store, size_t count, char *const *options);

/** Options: --root NAME, --epoch SECONDS, --output DESCRIPTOR (absent: only the digest). Prints "sha256:… BYTES". */
int pack(int store, size_t count, char *const *options);
