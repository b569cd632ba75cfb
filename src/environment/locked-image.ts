import { DevenvError } from "../errors.ts";
import type { Digest, LockedBaseLayer } from "../lock/index.ts";
import { type Descriptor, layerCompression, type ResolvedImage } from "../sources/registry/index.ts";

/** An image's content as the lock has it. */
export interface LockedManifest {
  readonly index?: Digest;
  readonly digest: Digest;
  readonly layers: readonly LockedBaseLayer[];
}

/**
 * The manifest of an image that was found in `top`, the index or itself.
 *
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` for digests and layers that cannot be locked.
 */
export function lockedManifest(top: Descriptor, image: ResolvedImage): LockedManifest {
  const { imageConfig, layers, manifest } = image;
  return {
    ...(top.digest === manifest.digest ? {} : { index: lockableDigest(top.digest) }),
    digest: lockableDigest(manifest.digest),
    layers: layers.map(({ digest, mediaType, size }, position) => ({
      digest: lockableDigest(digest),
      size,
      compression: compressionOf(mediaType),
      diffID: lockableDigest(imageConfig.diffIDs[position]),
    })),
  };
}

/** @throws DevenvError `DEVENV_NOT_SUPPORTED` for another algorithm than SHA-256. */
export function lockableDigest(digest: string | undefined): Digest {
  if (digest?.startsWith("sha256:")) return digest as Digest;
  throw new DevenvError("DEVENV_NOT_SUPPORTED", `${digest}: only sha256 digests can be locked yet`);
}

function compressionOf(mediaType: string): LockedBaseLayer["compression"] {
  const compression = layerCompression(mediaType);
  if (compression !== undefined) return compression;
  throw new DevenvError(
    "DEVENV_NOT_SUPPORTED",
    `${mediaType}: found in the image, expected layers that are tar archives`,
  );
}
