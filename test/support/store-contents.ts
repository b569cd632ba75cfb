import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * What a store has: the path of every file, with its size where that says something, and the layers by their names. What
 * an environment wrote inside, and what of its files is about this start or boot, is not counted, nor are the locks of
 * which there is one each.
 */
export function contentsOf(store: string): string[] {
  return readdirSync(store)
    .flatMap((name) => filesBelow(store, name))
    .sort();
}

function filesBelow(store: string, path: string): string[] {
  if (/^environments\/[^/]+\/(upper|work|home|volumes|disk)$/.test(path)) return [path];
  if (/^layers\/./.test(path)) return [path];
  if (/^locks\/(sweep|collect)$/.test(path)) return [];
  const status = lstatSync(join(store, path));
  if (status.isDirectory())
    return readdirSync(join(store, path)).flatMap((name) => filesBelow(store, join(path, name)));
  // Numbers of processes and times are longer or shorter.
  const isOfStart = path.startsWith("environments/") || path.startsWith("entries/");
  return [isOfStart ? path : `${path} ${status.size}`];
}
