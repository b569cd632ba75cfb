import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * A whole file, undefined when it is not there; in one read, which takes a third of the time that `readFile` does with
 * its pieces. Its time of change becomes that of its last use, by which the collector goes.
 */
export async function readWhole(file: string): Promise<Buffer | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file);
  } catch {
    return undefined;
  }
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await handle.read(buffer, 0, size, 0);
    const now = new Date();
    await handle.utimes(now, now).catch(() => undefined);
    return bytesRead === size ? buffer : undefined;
  } finally {
    await handle.close();
  }
}

/** Removes indexes that a newer one replaces. A process that was about to read one of them makes it anew. */
export async function removeOthers(directory: string, prefix: string, sha256: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const isReplaced = name.startsWith(prefix) && !name.includes(sha256);
    if (isReplaced) await rm(join(directory, name), { force: true });
  }
}
