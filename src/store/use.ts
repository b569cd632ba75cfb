import { rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withStoreLock } from "./locks.ts";
import type { Store } from "./store.ts";

/** The lock that a collector holds while it decides and takes away. */
const lock = "collect";

/** Says that the lock may be held, so that nobody else has to try it. */
const flagOf = (store: Pick<Store, "root">): string => join(store.root, "locks/collecting");

/**
 * Notes that files and directories of the store are needed now: the time of the last use is their time of change. What
 * is said to be there stays, for as long as the caller's lease does.
 *
 * First comes the note, then a look whether a collector is at work: one that began before is waited for, and what is
 * left is looked at then; one that begins later sees the note.
 *
 * @param files absolute paths.
 * @returns for each whether it is there.
 */
export async function noteUse(store: Pick<Store, "root">, files: readonly string[]): Promise<boolean[]> {
  const now = new Date();
  await Promise.all(files.map((file) => utimes(file, now, now).catch(() => undefined)));
  await collectorsEnd(store);
  return await Promise.all(files.map(isThere));
}

/** Resolves when no collector takes away what is there now without having seen that it is used. */
async function collectorsEnd(store: Pick<Store, "root">): Promise<void> {
  const flag = flagOf(store);
  // A collector that was killed leaves the flag, and nobody holds the lock.
  if (await isThere(flag)) await withStoreLock(store, lock, () => rm(flag, { force: true }));
}

/** Decides what to take away, and takes it, while everybody else waits with {@link noteUse}. It has to be quick. */
export async function whileCollecting<T>(store: Pick<Store, "root">, work: () => Promise<T>): Promise<T> {
  const flag = flagOf(store);
  return await withStoreLock(store, lock, async () => {
    await writeFile(flag, "");
    try {
      return await work();
    } finally {
      await rm(flag, { force: true });
    }
  });
}

async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
