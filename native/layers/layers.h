#pragma once

#include <stddef.h>

/*
 * The verbs of the store. All run as root of the user namespace, after `store`, a descriptor
 * of the store's directory, was opened outside it. They return the exit code, or end the process with a message.
 */

/** Removes paths below the store, links not followed. */
int remove_paths(int store, size_t count, char *const *paths);

/** Options: --root NAME, --symlink LINK TARGET…, --deb NAME ARCHITECTURE SHA256 FILE… (FILE below the store). */
int unpack_debs(int store, size_t count, char *const *options);

/**
 * Unpacks a layer of an image (OCI image specification, layer.md) from standard input into a new directory that can be
 * stacked by overlayfs, without the layers below. Options: --root NAME, --digest sha256:…|sha512:… and --size BYTES of
 * what comes, --diff-id sha256:… of the archive, --compression none|gzip|zstd. Prints "sha256:… BYTES" of the archive,
 * " opaque" where the layer hides all layers below, which overlayfs does not heed; after the line the path of each
 * directory that the archive has no entry of, NUL after each.
 */
int unpack_layer(int store, size_t count, char *const *options);

/**
 * Takes directories out of an archive on standard input (a layer of an image, a package of a registry) into a directory
 * that is made or laid over, as plain files of root that everyone may read: no other owners, modes, extended
 * attributes, device nodes or FIFOs. Options: --root NAME; --digest, --size and --diff-id as far as they are known and
 * --compression, as above; --map FROM TO…, the longest FROM that an entry lies at or below decides, and what lies below
 * none is passed over; --executable PATTERN… (lib/glob.h) of places in the root whose files are made executable;
 * --symlink PATH TARGET…, made in the end. Whiteouts remove what earlier calls left, and nothing of this one. Prints
 * "sha256:… BYTES" of the archive and the number of entries taken, without whiteouts.
 */
int graft(int store, size_t count, char *const *options);

/**
 * Options: --root NAME, --epoch SECONDS, --output DESCRIPTOR (absent: only the digest), --keep yes (the directory is not
 * changed to match the archive). Prints "sha256:… BYTES".
 */
int pack(int store, size_t count, char *const *options);

/**
 * Prints what a layer has, as overlayfs sees it: for each entry a letter and its path below the root, NUL after each;
 * a directory comes before what is in it. The letters: d a directory, o one that hides what the layers below have in
 * it, i and p the same where the layer's archive has no entry of it, w a whiteout, l a symbolic link (its target
 * follows, and another NUL), e a file that begins as ELF files do, f anything else. Option: --root NAME.
 */
int list(int store, size_t count, char *const *options);

/**
 * Makes a layer that lies upon others and gives those directories of which the uppermost layer that has them has no
 * entry the owner, mode, time and attributes of the next layer below that has one, as the image means it; overlayfs
 * heeds the uppermost alone. Options: --root NAME, --layer NAME… (the lowest first), --directory PATH…. Prints how many
 * of the directories differ; where none does, nothing is made.
 */
int settle(int store, size_t count, char *const *options);

/**
 * Prints the digest of each file, on all processors: sha256:… or sha512:…, or "unreadable" and why, a line each in their
 * order. Arguments: sha256|sha512 FILE….
 */
int digest_files(int store, size_t count, char *const *words);

/**
 * Prints for each path the bytes that it and what is in it take on the disk, a line each in their order. A file with
 * several names counts where the first of them is met. What is not there takes nothing. Arguments: PATH….
 */
int measure(int store, size_t count, char *const *paths);
