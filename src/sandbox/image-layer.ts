import type { Readable } from "node:stream";
import type { Digest } from "../lock/types.ts";
import { runStoreVerb } from "./store-verb.ts";

/** What {@link unpackLayer} is given. */
export interface UnpackLayerOptions {
  /** Absolute path of the store. */
  readonly store: string;
  /** Path below the store of the directory to make; its parent exists, it does not. */
  readonly root: string;
  /** Of the compressed bytes, as the layer's descriptor has it: SHA-256 or SHA-512. */
  readonly digest: string;
  /** Number of compressed bytes. */
  readonly size: number;
  /** SHA-256 of the archive, as the image's configuration has it. */
  readonly diffID: Digest;
  readonly compression: "none" | "gzip" | "zstd";
  /** The compressed bytes. Read to its end, or destroyed. */
  readonly input: Readable;
  readonly signal?: AbortSignal;
}

/** What unpacking a layer found. */
export interface UnpackedLayer {
  /** Bytes of the archive. */
  readonly size: number;
  /** The layer hides everything below it; overlayfs does not heed that, so the layers below are not to be mounted. */
  readonly hidesLower: boolean;
  /**
   * Directories that only the names of other entries told of, relative to the root, parents first. They got root as
   * owner, mode 0755 and the time 0; in an overlay these win over what a layer below says, which is not what the
   * image means where that says something else. On disk each has the attribute `user.overlay.devenv.implicit`. Those
   * whose predecessors the layer itself removes do not count, for no layer below says anything about them.
   */
  readonly implicitDirectories: readonly string[];
}

/**
 * Unpacks a layer of an OCI image while it comes, in one pass and without a copy: receiving and hashing, decompressing,
 * hashing the archive and writing files go on at the same time. The layers below need not be there: whiteouts
 * become those of overlayfs. Owners are those of the identity map. Device nodes are left out.
 *
 * On an error the directory is left half made, for the caller to remove; nothing may use it before this resolved.
 *
 * @throws DevenvError `DEVENV_LAYER_TRANSFER` when size or digest are not those expected: another try may help.
 * @throws DevenvError `DEVENV_UNPACK_LAYER_FAILED` when the layer itself is refused, by the name of the entry.
 * @throws what `input` failed with, or the reason of `signal`.
 */
export async function unpackLayer(options: UnpackLayerOptions): Promise<UnpackedLayer> {
  const { store, root, digest, size, diffID, compression, input, signal } = options;
  const words = ["--root", root, "--digest", digest, "--size", String(size), "--diff-id", diffID];
  const printed = await runStoreVerb("unpack-layer", store, [...words, "--compression", compression], {
    input,
    signal,
  });
  const end = printed.indexOf("\n");
  const match = /^sha256:[0-9a-f]{64} ([0-9]+)( opaque)?$/.exec(printed.slice(0, end));
  if (match === null) throw new Error(`Assertion failed: unpack-layer answered ${JSON.stringify(printed)}`);
  return {
    size: Number(match[1]),
    hidesLower: match[2] !== undefined,
    implicitDirectories: printed
      .slice(end + 1)
      .split("\0")
      .slice(0, -1),
  };
}
