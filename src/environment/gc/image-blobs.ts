import { readFile } from "node:fs/promises";
import { isDigest, type StoredImage } from "../../build/contents.ts";
import type { Digest } from "../../lock/index.ts";
import type { Store } from "../../store/index.ts";
import type { ImageBlobs } from "./plan.ts";

/** The blobs that describe images: the manifest, by whose digest an image is known, and the configuration it names. */
export async function readImageBlobs(store: Store, images: readonly StoredImage[]): Promise<ImageBlobs> {
  const found = await Promise.all(
    images.map(async ({ digest }) => [digest, await blobsOf(store, digest)] as const),
  );
  return new Map(found);
}

async function blobsOf(store: Store, manifest: Digest): Promise<string[]> {
  const hex = manifest.replace("sha256:", "");
  const text = await readFile(store.blobPath(hex), "utf8").catch(() => "");
  try {
    const { config } = JSON.parse(text) as { config: { digest: unknown } };
    return isDigest(config.digest) ? [hex, config.digest.replace("sha256:", "")] : [hex];
  } catch {
    return [hex];
  }
}
