import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../../store/index.ts";
import { removeLocks } from "../../store/locks.ts";
import { environmentIds } from "../directory.ts";
import { keyOf } from "../identity.ts";

/** Removes the files of locks that were made before `limit`, in milliseconds since 1970, for what is not there any more. */
export async function removeUnusedLocks(store: Store, limit: number): Promise<void> {
  const directory = join(store.root, "locks");
  const [names, steps, layers, ids] = await Promise.all([
    readdir(directory),
    readdir(join(store.root, "steps")),
    readdir(join(store.root, "layers")),
    environmentIds(store),
  ]);
  const needed = new Set([
    ...steps.map((name) => `step-${name.replace(/\.json$/, "")}`),
    ...layers.map((name) => `layer-${name}`),
    ...ids.map((id) => `environment-${keyOf(id)}`),
  ]);
  const unused: string[] = [];
  for (const name of names) {
    if (!/^(step|layer|environment)-/.test(name) || needed.has(name)) continue;
    const made = (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs;
    if (made !== undefined && made <= limit) unused.push(name);
  }
  await removeLocks(store, unused);
}
