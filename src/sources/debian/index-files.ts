import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** No index takes that long to write. */
const partLifetime = 60 * 60_000;

/**
 * A whole file, undefined when it is not there; in one read, which takes a third of the time that `readFile` does with
 * its pieces.
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
    return bytesRead === size ? buffer : undefined;
  } finally {
    await handle.close();
  }
}

/**
 * Removes indexes that a newer one replaces, and what a killed process left half written. A process that was about to
 * read one of them makes it anew.
 */
export async function removeOthers(directory: string, prefix: string, sha256: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const isReplaced = name.startsWith(prefix) && !name.includes(sha256);
    const isPart = name.startsWith(`.${prefix}`) && (await ageOf(path)) > partLifetime;
    if (isReplaced || isPart) await rm(path, { force: true });
  }
}

async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}
