import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";
import { extract } from "tar-stream";
import type { Compression } from "./layer-types.ts";

/** One entry of a layer's archive (OCI image specification, layer.md), as far as it can be told without unpacking. */
export interface ArchiveEntry {
  /** Relative, without `.`, `..` and empty parts; empty for the root itself. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "link" | "other";
  /** Of a symlink as it is written, of a link a path like `path`; empty for all others. */
  readonly target: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes of a file; to be called before the next entry is asked for, or not at all. */
  readonly content: () => Promise<Buffer>;
}

/**
 * The entries of a layer in the order of its archive. Nothing touches a file system, and names that would lead out of
 * the root are left out. It reads `blob` to its end, so that whoever made it can verify what was read.
 *
 * @throws Error for what is no archive or is compressed in another way, and that of `blob`.
 */
export async function* archiveEntries(
  blob: Readable,
  compression: Compression,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const archive = extract();
  const input = decompressed(blob, compression);
  input.on("error", (error) => archive.destroy(error));
  input.pipe(archive as unknown as NodeJS.WritableStream);
  try {
    for await (const stream of archive) {
      const { name, linkname, size, type } = stream.header;
      if (!Number.isSafeInteger(size)) throw new Error("found an entry without a size");
      let wanted = false;
      const content = async (): Promise<Buffer> => {
        wanted = true;
        const chunks: Uint8Array[] = [];
        for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
        return Buffer.concat(chunks);
      };
      const path = normalised(name);
      const kind = kindOf(type);
      const target = kind === "symlink" ? linkname : kind === "link" ? normalised(linkname) : "";
      if (path !== undefined && target !== undefined) yield { path, kind, target, size, content };
      if (!wanted) stream.resume();
    }
  } finally {
    input.destroy();
    blob.destroy();
  }
}

function kindOf(type: string | null): ArchiveEntry["kind"] {
  switch (type) {
    case "file":
    case "contiguous-file":
      return "file";
    case "directory":
    case "symlink":
    case "link":
      return type;
    default:
      return "other";
  }
}

/** Undefined for a name that leads out of the root, or none. */
function normalised(name: string | null): string | undefined {
  const parts = name?.split("/").filter((part) => part !== "" && part !== ".");
  return parts === undefined || parts.includes("..") ? undefined : parts.join("/");
}

function decompressed(blob: Readable, compression: Compression): Readable {
  if (compression === "none") return blob;
  if (compression === "zstd") return Readable.from(unzstd(blob), { objectMode: false });
  const gunzip = createGunzip();
  blob.on("error", (error) => gunzip.destroy(error));
  return blob.pipe(gunzip);
}

/** Bytes given to the decompressor at once: a byte can become tens of thousands, all of them in memory. */
const zstdPiece = 2048;

async function* unzstd(blob: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let ready: Uint8Array[] = [];
  const decompressor = new Decompress((data) => {
    if (data.length > 0) ready.push(data);
  });
  for await (const chunk of blob) {
    for (let at = 0; at < chunk.length; at += zstdPiece) {
      decompressor.push(chunk.subarray(at, at + zstdPiece));
      yield* ready;
      ready = [];
    }
  }
  decompressor.push(new Uint8Array(), true);
  yield* ready;
}
