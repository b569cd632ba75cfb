import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import type { ImageFile } from "./image-files.ts";

export interface WriteOptions {
  /** Seconds since 1970, for what is written into an archive. */
  readonly epoch: number;
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Writes files into a tar archive as they come, without a copy in between; the same files give the same archive. */
export async function writeArchive(
  files: readonly ImageFile[],
  output: Writable,
  options: WriteOptions,
): Promise<void> {
  const archive = pack();
  const mtime = new Date(options.epoch * 1000);
  const written = pipeline(archive, output, { end: false });
  const filled = (async () => {
    for (const file of files) {
      const entry = archive.entry({ name: file.name, size: file.size, mode: 0o644, mtime });
      await pipeline(file.open(options.signal), counted(options.onBytes), entry);
    }
    archive.finalize();
  })();
  filled.catch((error: Error) => archive.destroy(error));
  await Promise.all([filled, written]);
}

/** Writes files below a directory, which is made, and waits for the disk. */
export async function writeDirectory(
  files: readonly ImageFile[],
  directory: string,
  options: WriteOptions,
): Promise<void> {
  await mkdir(directory);
  for (const file of files) {
    const path = join(directory, file.name);
    await mkdir(dirname(path), { recursive: true });
    const output = createWriteStream(path, { flags: "wx", flush: true });
    await pipeline(file.open(options.signal), counted(options.onBytes), output);
  }
}

function counted(onBytes: WriteOptions["onBytes"]): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      onBytes?.(chunk.length);
      done(null, chunk);
    },
  });
}
