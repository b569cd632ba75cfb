import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DevenvError } from "../errors.ts";
import { readTemporaryName } from "../temporary-name.ts";
import type { Store } from "./store.ts";

const label = "lease";

/** Milliseconds after which the lease of somebody who cannot be looked after, in another pid namespace, is over. */
const longestUnknown = 24 * 3600 * 1000;

/**
 * Does work during which the collector takes away nothing that was used since it began. A lease is an empty file in
 * `tmp/` with the mark of this process: a killed process holds none, and its file is swept up.
 *
 * Everything that finds, makes or pulls layers works under one, until what it found is written down where it is safe:
 * in the state of an environment.
 *
 * @throws DevenvError `DEVENV_STORE` when the file cannot be made.
 */
export async function withLease<T>(store: Store, work: () => Promise<T>): Promise<T> {
  const file = await store.temporaryPath(label);
  try {
    await (await open(file, "wx", 0o600)).close();
  } catch (cause) {
    throw new DevenvError("DEVENV_STORE", `${store.root}: nothing can be written there`, { cause });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** When the oldest lease that holds began, in milliseconds since 1970; undefined when there is none. */
export async function oldestLease(store: Store): Promise<number | undefined> {
  const directory = join(store.root, "tmp");
  const times: number[] = [];
  for (const name of await readdir(directory)) {
    const temporary = await readTemporaryName(name);
    if (temporary?.label !== label || temporary.writer === "gone") continue;
    const began = (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs;
    if (began === undefined) continue;
    if (temporary.writer === "alive" || Date.now() - began < longestUnknown) times.push(began);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}
