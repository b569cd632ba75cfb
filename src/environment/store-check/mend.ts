import { rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { readContents, type StoreContents, type StoredItem } from "../../build/contents.ts";
import type { Digest } from "../../lock/index.ts";
import { removePaths } from "../../sandbox/index.ts";
import { type Store, whileCollecting } from "../../store/index.ts";
import { removeEntry } from "../entry.ts";
import { withEnvironmentLock } from "../exclusive.ts";
import { findRoots } from "../gc/roots.ts";
import { keyOf } from "../identity.ts";
import type { StoreDamage, StoreFinding } from "./finding.ts";
import { type Standing, standingOn } from "./standing.ts";

const again = "removed; it is made or fetched again when it is needed";

/**
 * Takes away what is damaged, together with the records that claim it, so that the next command makes it again. A layer
 * that is mounted stays: what runs on it would lose its files.
 *
 * @param examined what was looked at: what has taken its place since then is something else.
 */
export async function mend(
  store: Store,
  findings: readonly StoreFinding[],
  examined: StoreContents,
): Promise<StoreDamage[]> {
  const layers = new Set(findings.flatMap(({ diffID }) => (diffID === undefined ? [] : [diffID])));
  const standing = await standingOn(store, layers);
  // The launcher would start them from what is not there any more.
  for (const { id, isRunning } of standing)
    if (!isRunning) await withEnvironmentLock(store, keyOf(id), () => removeEntry(store, keyOf(id)));
  const doomed: string[] = [];
  const damage = await whileCollecting(store, async () => {
    const { mounted } = await findRoots(store);
    const contents = await readContents(store);
    const outcomes: StoreDamage[] = [];
    for (const finding of findings) {
      const { diffID, path } = finding;
      const isSame = inodeOf(contents, path) === inodeOf(examined, path);
      if (diffID === undefined) {
        if (isSame) await rm(join(store.root, path), { force: true });
        outcomes.push({ ...finding, isMended: true, outcome: again });
      } else if (mounted.has(diffID)) {
        outcomes.push({ ...finding, isMended: false, outcome: inUse(standing, diffID) });
      } else {
        if (isSame) doomed.push(...(await takeLayer(store, contents, diffID)));
        outcomes.push({ ...finding, isMended: true, outcome: again });
      }
    }
    return outcomes;
  });
  await removePaths(store.root, doomed);
  return damage;
}

/** What names a layer goes before the layer itself. */
async function takeLayer(store: Store, contents: StoreContents, diffID: Digest): Promise<string[]> {
  const { derived, images, layers, steps } = contents;
  const names: StoredItem[] = [
    ...images.filter((image) => image.layers?.includes(diffID)),
    ...steps.filter(({ record }) => record?.diffID === diffID),
    ...derived.filter(({ name }) => `sha256:${name}` === diffID),
  ];
  for (const { path } of names) await rm(join(store.root, path), { force: true });
  const layer = layers.find((one) => one.diffID === diffID);
  if (layer === undefined) return [];
  const place = await store.temporaryPath("damaged", "layers");
  await rename(join(store.root, layer.path), place);
  return [relative(store.root, place)];
}

function inodeOf(contents: StoreContents, path: string): number | undefined {
  const items: readonly StoredItem[] = Object.values(contents).flat();
  return items.find((one) => one.path === path)?.inode;
}

function inUse(standing: readonly Standing[], diffID: Digest): string {
  const ids = standing.filter((one) => one.isRunning && one.layers.includes(diffID)).map(({ id }) => id);
  const who = ids.length === 0 ? "something that runs" : `${ids.join(", ")}, which runs`;
  return `kept, for it is in use by ${who}: end that (devenv down), then verify again`;
}
