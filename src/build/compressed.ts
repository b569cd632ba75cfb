import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { writeFileAtomic } from "../files.ts";
import { canonicalJson, type Digest } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import type { OutgoingLayer } from "./layer-archive.ts";
import type { LayerDescriptor } from "./oci.ts";

/** A layer as a registry gets it. */
export interface CompressedLayer extends LayerDescriptor {
  readonly digest: Digest;
}

const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";

/**
 * What a layer was when it was compressed before, so that a registry can be asked whether it has it without
 * compressing it again; undefined when it never was.
 */
export async function readCompressed(
  store: Store,
  { diffID }: OutgoingLayer,
): Promise<CompressedLayer | undefined> {
  try {
    const { digest, size } = JSON.parse(await readFile(recordPath(store, diffID), "utf8")) as Record<
      string,
      unknown
    >;
    if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
    return typeof size === "number" ? { mediaType, digest: digest as Digest, size } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Compresses a layer into a temporary file of the store, for as long as `use` takes, and keeps in mind what came of it.
 *
 * Another version of zlib may give other bytes: the digest of what is pushed is not that of the lock's layers, which
 * are known by their diffIDs. Not compressed, layers would have one digest everywhere and need three times the room.
 */
export async function withCompressed<T>(
  store: Store,
  layer: OutgoingLayer,
  signal: AbortSignal | undefined,
  use: (compressed: CompressedLayer, open: () => AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const file = await store.temporaryPath("compressed");
  try {
    const hash = createHash("sha256");
    let size = 0;
    const counted = new Transform({
      transform(chunk: Uint8Array, _, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    const output = createWriteStream(file, { flags: "wx", mode: 0o600 });
    await pipeline(layer.open(signal), createGzip({ level: 6 }), counted, output);
    const compressed: CompressedLayer = { mediaType, digest: `sha256:${hash.digest("hex")}`, size };
    await writeFileAtomic(recordPath(store, layer.diffID), `${canonicalJson(compressed)}\n`);
    return await use(compressed, () => createReadStream(file));
  } finally {
    await rm(file, { force: true });
  }
}

function recordPath(store: Store, diffID: Digest): string {
  return join(store.root, "compressed", `${diffID.replace("sha256:", "")}.json`);
}
