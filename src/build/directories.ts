import { join, relative } from "node:path";
import { timed } from "../debug.ts";
import type { Digest } from "../lock/index.ts";
import { listLayer, packLayer, removePaths, settleDirectories } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { unlimitedEpoch } from "./graft-plan.ts";
import { isThere, keepLayer, writeOut } from "./layer.ts";
import type { BuiltLayer } from "./oci.ts";
import { once } from "./once.ts";
import { directoriesKey, pulledKey } from "./plan.ts";
import { readRecord, writeRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";

/**
 * A layer of an image may have a directory only because something is in it, and then the layers below decide what it
 * is like (owner, mode, time, attributes), where overlayfs heeds the uppermost layer alone. This makes the layer that
 * says so above all others.
 *
 * @param layers those of the image in the store, the lowest first.
 * @returns undefined when the image is the same without it, which is so for nearly all images.
 */
export async function buildDirectories(
  store: Store,
  layers: readonly Digest[],
  options: Pick<BuildOptions, "onProgress">,
): Promise<BuiltLayer | undefined> {
  const lists = await Promise.all(layers.slice(1).map((diffID) => implicitDirectories(store, diffID)));
  const directories = [...new Set(lists.flat())];
  if (directories.length === 0) return undefined;
  const keyed = { name: "directories", cacheKey: directoriesKey(layers) };
  const place = relative(store.root, await store.temporaryPath("directories", "layers"));
  const given = layers.map((diffID) => relative(store.root, store.layerPath(diffID)));
  try {
    const different = await timed("directories: settle", () =>
      settleDirectories({ store: store.root, root: place, layers: given, directories }),
    );
    if (different === 0) return undefined;
    const record = await once(store, keyed, options.onProgress, async () => {
      const [{ diffID, size }] = await Promise.all([
        packLayer({ store: store.root, root: place, epoch: unlimitedEpoch }),
        writeOut(store),
      ]);
      await keepLayer(store, place, diffID);
      return { diffID, size, epoch: unlimitedEpoch };
    });
    return { step: keyed.name, cacheKey: keyed.cacheKey, ...record };
  } finally {
    if (await isThere(join(store.root, place))) await removePaths(store.root, [place]);
  }
}

/** Records of layers that were pulled before devenv kept the list are completed. */
async function implicitDirectories(store: Store, diffID: Digest): Promise<readonly string[]> {
  const key = pulledKey({ diffID });
  const record = await readRecord(store, key);
  if (record?.implicitDirectories !== undefined) return record.implicitDirectories;
  const entries = await listLayer(store.root, relative(store.root, store.layerPath(diffID)));
  const found = entries.flatMap(({ implicit, path }) => (implicit === true ? [path] : []));
  if (record !== undefined) await writeRecord(store, key, { ...record, implicitDirectories: found });
  return found;
}
