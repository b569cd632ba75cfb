import { execFile } from "node:child_process";
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DevenvError } from "../errors.ts";
import type { Digest } from "../lock/index.ts";
import type { Store } from "../store/index.ts";

/**
 * Writes the files of the store to disk all at once: sync(1) asks the file system, where one fsync a file would wait
 * tens of thousands of times.
 */
export async function writeOut(store: Store): Promise<void> {
  try {
    await promisify(execFile)("sync", ["--file-system", store.root]);
  } catch (cause) {
    throw new DevenvError("DEVENV_STORE", `${store.root}: the layer cannot be written to disk`, { cause });
  }
}

/**
 * The same for several who write at the same time: whoever asks while it is going on waits for the next time, together
 * with all others who do.
 */
export function sharedWriteOut(store: Store): () => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= last.then(() => {
      next = undefined;
      const now = writeOut(store);
      last = now.catch(() => undefined);
      return now;
    });
    return next;
  };
}

/** Gives a finished layer its name, unless the store has the same one from another step already. */
export async function keepLayer(store: Store, path: string, diffID: Digest): Promise<void> {
  const target = store.layerPath(diffID);
  if (await isThere(target)) return;
  await rename(join(store.root, path), target).catch((error: NodeJS.ErrnoException) => {
    // Another step gave the same at the same time.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
