import { DevenvError } from "../errors.ts";
import type { BlobDigest, Digest, LockedBaseLayer } from "../lock/index.ts";
import { type Descriptor, layerCompression, type ResolvedImage } from "../sources/registry/index.ts";

/** An image's content as the lock has it. */
export interface LockedManifest {
  readonly index?: BlobDigest;
  readonly digest: BlobDigest;
  readonly layers: readonly LockedBaseLayer[];
}

/**
 * The manifest of an image that was found in `top`, the index or itself; `reference` is for messages.
 *
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` for digests and layers that cannot be locked.
 */
export function lockedManifest(reference: string, top: Descriptor, image: ResolvedImage): LockedManifest {
  const { imageConfig, layers, manifest } = image;
  return {
    ...(top.digest === manifest.digest ? {} : { index: top.digest }),
    digest: manifest.digest,
    layers: layers.map(({ digest, mediaType, size }, position) => ({
      digest,
      size,
      compression: compressionOf(mediaType),
      diffID: lockableDiffID(imageConfig.diffIDs[position], reference),
    })),
  };
}

/** The store and the images that are made from it know a layer by the SHA-256 of its archive. */
function lockableDiffID(digest: string | undefined, reference: string): Digest {
  if (digest?.startsWith("sha256:")) return digest as Digest;
  throw new DevenvError(
    "DEVENV_NOT_SUPPORTED",
    `${reference}: the image's configuration has the diffID ${digest}; found sha512, expected sha256`,
    { hint: "Digests of manifests and blobs may be sha512; diffIDs have to be sha256." },
  );
}

function compressionOf(mediaType: string): LockedBaseLayer["compression"] {
  const compression = layerCompression(mediaType);
  if (compression !== undefined) return compression;
  throw new DevenvError(
    "DEVENV_NOT_SUPPORTED",
    `${mediaType}: found in the image, expected layers that are tar archives`,
  );
}
