import type { Readable } from "node:stream";
import type { Digest } from "../lock/types.ts";
import { runStoreVerb } from "./store-verb.ts";

/** What lies at or below `from` in an archive goes to `to`. */
export interface GraftMap {
  /** Relative path in the archive, of a directory or a file; the empty one is all of it. */
  readonly from: string;
  /** Absolute path in the root. */
  readonly to: string;
}

/** What {@link graftArchive} is given. */
export interface GraftOptions {
  /** Absolute path of the store. */
  readonly store: string;
  /** Path below the store of the directory, whose parent exists; it is made, or laid over. */
  readonly root: string;
  /** SHA-256 or SHA-512 of the compressed bytes, `sha512:` and hexadecimal. */
  readonly digest?: string | undefined;
  /** Number of compressed bytes. */
  readonly size?: number | undefined;
  /** SHA-256 of the archive. */
  readonly diffID?: Digest | undefined;
  readonly compression: "none" | "gzip" | "zstd";
  /** The longest `from` that an entry lies at or below decides; what lies below none is passed over. */
  readonly maps: readonly GraftMap[];
  /** Places in the root whose files become executable: `*` is any part of a name, `**` anything. */
  readonly executables?: readonly string[] | undefined;
  /** Links made in the end, in place of files or links: absolute path in the root → target. */
  readonly links?: Readonly<Record<string, string>> | undefined;
  /** The compressed bytes. Read to its end, or destroyed. */
  readonly input: Readable;
  readonly signal?: AbortSignal | undefined;
}

/** What grafting an archive found. */
export interface GraftedArchive {
  readonly diffID: Digest;
  /** Bytes of the archive. */
  readonly size: number;
  /** How many entries were taken, whiteouts not counted. None means that no map fits, which is no error here. */
  readonly entries: number;
}

/**
 * Takes directories and files out of an archive while it comes, a layer of an image or a package of a registry, and
 * passes over the rest. Several archives go into one directory in the order of the layers: entries replace what was
 * there, and whiteouts (OCI image specification, layer.md) remove what earlier calls left at the places that the maps
 * give, whichever archive it came from, but nothing of their own archive. The result is a plain tree without
 * overlayfs' marks: all of it root's, directories 0755, files 0644, or 0755 where the owner may execute them or
 * `executables` says so; times as in the archive; no extended attributes, device nodes and FIFOs.
 *
 * What of digest, size and diffID is given is checked in the same pass. On an error the directory is left half made,
 * for the caller to remove; nothing may use it before this resolved.
 *
 * @throws DevenvError `DEVENV_LAYER_TRANSFER` when size or digest are not those expected: another try may help.
 * @throws DevenvError `DEVENV_GRAFT_FAILED` when the archive itself is refused, by the name of the entry; among others
 *   for a hard link to a file that no map takes.
 * @throws what `input` failed with, or the reason of `signal`.
 */
export async function graftArchive(options: GraftOptions): Promise<GraftedArchive> {
  const { store, root, digest, size, diffID, compression, maps, executables, links, input, signal } = options;
  const words = [
    ...["--root", root, "--compression", compression],
    ...(digest === undefined ? [] : ["--digest", digest]),
    ...(size === undefined ? [] : ["--size", String(size)]),
    ...(diffID === undefined ? [] : ["--diff-id", diffID]),
    ...maps.flatMap(({ from, to }) => ["--map", from, to]),
    ...(executables ?? []).flatMap((pattern) => ["--executable", pattern]),
    ...Object.entries(links ?? {}).flatMap(([path, target]) => ["--symlink", path, target]),
  ];
  const printed = await runStoreVerb("graft", store, words, { input, signal });
  const match = /^(sha256:[0-9a-f]{64}) ([0-9]+) ([0-9]+)\n$/.exec(printed);
  if (match === null) throw new Error(`Assertion failed: graft answered ${JSON.stringify(printed)}`);
  return { diffID: match[1] as Digest, size: Number(match[2]), entries: Number(match[3]) };
}
