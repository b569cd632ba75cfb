import { chmod, mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Store } from "../store/index.ts";

/** Where a step works: paths below the store. */
export interface Workplace {
  /** Becomes the layer; not made yet. */
  readonly layer: string;
  /** Holds what overlayfs needs beside it, `empty` and `work`, and the files of the packages, `packages`. */
  readonly scratch: string;
}

/** A place for a step that nobody else uses. */
export async function makeWorkplace(store: Store, name: string): Promise<Workplace> {
  const [layer, scratch] = await Promise.all([
    store.temporaryPath(`step-${name}`, "layers"),
    store.temporaryPath(`step-${name}`),
  ]);
  await mkdir(scratch, { mode: 0o700 });
  for (const name of ["empty", "packages", "work"]) await mkdir(join(scratch, name), { mode: 0o755 });
  return { layer: relative(store.root, layer), scratch: relative(store.root, scratch) };
}

/** Makes the directory that becomes the layer: its mode is that of the root, whatever the caller's umask. */
export async function makeLayerDirectory(store: Store, { layer }: Workplace): Promise<void> {
  const path = join(store.root, layer);
  await mkdir(path);
  await chmod(path, 0o755);
}
