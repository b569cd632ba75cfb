import type { Writable } from "node:stream";
import type { Digest } from "../lock/types.ts";
import { runStoreVerb } from "./store-verb.ts";

/** One .deb to unpack. */
export interface DebFile {
  readonly name: string;
  readonly architecture: string;
  /** SHA-256 of the file, hexadecimal; it is checked again while unpacking. */
  readonly sha256: string;
  /** Path of the .deb below the store, such as `blobs/sha256/…`. */
  readonly file: string;
}

/** A link at the top of a root: `["bin", "usr/bin"]`. */
export type TopLink = readonly [link: string, target: string];

/** What {@link unpackDebs} is given. */
export interface UnpackDebsOptions {
  /** Absolute path of the store. */
  readonly store: string;
  /** Path below the store of the directory to make; its parent exists, it does not. */
  readonly root: string;
  /** Links made first, with the directories they name; see {@link mergedUsrLinks}. */
  readonly symlinks: readonly TopLink[];
  /**
   * In the order of installation: dpkg's status file has this order, and the first package to ship a directory
   * decides its mode.
   */
  readonly debs: readonly DebFile[];
}

/**
 * Unpacks .debs into a new directory as dpkg unpacks them, on all processors, without running anything of theirs.
 * Owners are those of the identity map. On an error the directory is left half made, for the caller to remove.
 *
 * Afterwards every package is `install ok unpacked`: the status file, info/ (lists, sums, scripts), the interests in
 * triggers and `FILE.dpkg-new` for every configuration file are there as `dpkg --unpack` writes them. What the
 * caller still has to run inside, in this order, with no network, `policy-rc.d` answering 101 and a fixed environment:
 *
 * 1. `preinst install` of each package that has one (`/var/lib/dpkg/info/*.preinst`), that of base-passwd first: it
 *    makes /etc/passwd. They expect DPKG_MAINTSCRIPT_PACKAGE (the name without `:ARCHITECTURE`),
 *    DPKG_MAINTSCRIPT_ARCH, DPKG_MAINTSCRIPT_NAME=preinst, DPKG_ADMINDIR=/var/lib/dpkg and an empty DPKG_ROOT.
 * 2. `dpkg --configure -a`: postinst scripts, configuration files, triggers. No ldconfig of its own is needed:
 *    libc-bin's postinst runs it over everything that is unpacked, and later triggers run it again.
 *
 * For the minimal sets of bullseye, bookworm and trixie this gives the same status file and the same files as
 * mmdebstrap does, except what names the build: logs, backups (`*-old`), /etc/shadow's date, caches.
 */
export async function unpackDebs(options: UnpackDebsOptions): Promise<void> {
  await runStoreVerb("unpack", options.store, [
    "--root",
    options.root,
    ...options.symlinks.flatMap(([link, target]) => ["--symlink", link, target]),
    ...options.debs.flatMap((deb) => ["--deb", deb.name, deb.architecture, deb.sha256, deb.file]),
  ]);
}

/**
 * The links of a merged /usr, which base-files ships itself from trixie on and usrmerge makes on bookworm. /lib64
 * holds amd64's dynamic linker; other architectures keep theirs in /lib.
 */
export function mergedUsrLinks(architecture: string): TopLink[] {
  const links: TopLink[] = [
    ["bin", "usr/bin"],
    ["sbin", "usr/sbin"],
    ["lib", "usr/lib"],
  ];
  return architecture === "amd64" ? [...links, ["lib64", "usr/lib64"]] : links;
}

/** What {@link packLayer} is given. */
export interface PackLayerOptions {
  /** Absolute path of the store. */
  readonly store: string;
  /** Path below the store of the directory: an unpacked root, or the upper directory of an overlay. */
  readonly root: string;
  /** Seconds since 1970 beyond which no modification time goes. */
  readonly epoch: number;
  /** Descriptor or stream that gets the archive, which is not ended; without it, only the digest is computed. */
  readonly output?: number | Writable;
  /** Leave the directory as it is, whatever the archive says of its times; a socket in it is an error then. */
  readonly keeps?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A layer's archive: its digest is the diffID, for the archive is not compressed. */
export interface PackedLayer {
  readonly diffID: Digest;
  readonly size: number;
}

/**
 * Packs a directory into the one tar that stands for it: entries sorted by bytes, owners as numbers inside, times in
 * whole seconds and clamped to the epoch, hard links kept, overlayfs' whiteouts and opaque directories as the OCI
 * image specification writes them, file capabilities, user attributes and ACLs as pax records.
 *
 * The directory is changed to match, unless it is to be kept: its entries get the clamped times, and sockets, which no archive can hold, are
 * removed. Device nodes and names that begin with `.wh.` are an error.
 */
export async function packLayer(options: PackLayerOptions): Promise<PackedLayer> {
  const kept = options.keeps === true ? ["--keep", "yes"] : [];
  const words = ["--root", options.root, "--epoch", String(options.epoch), ...kept];
  const { output, signal } = options;
  const text =
    output === undefined
      ? await runStoreVerb("pack", options.store, words, { signal })
      : await runStoreVerb("pack", options.store, [...words, "--output", "4"], { output, signal });
  const match = /^(sha256:[0-9a-f]{64}) ([0-9]+)\n$/.exec(text);
  if (match === null) throw new Error(`Assertion failed: pack answered ${JSON.stringify(text)}`);
  return { diffID: match[1] as Digest, size: Number(match[2]) };
}
