import { lstat, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { readContents, type StoredItem } from "../../build/contents.ts";
import { findRubbish, sweepLeftovers } from "../../build/sweep.ts";
import { measurePaths, removePaths } from "../../sandbox/index.ts";
import { oldestLease, type Store, whileCollecting } from "../../store/index.ts";
import { readImageBlobs } from "./image-blobs.ts";
import { removeUnusedLocks } from "./locks.ts";
import { type CollectionPlan, planCollection } from "./plan.ts";
import { findRoots } from "./roots.ts";

export interface CollectOptions {
  /** Milliseconds: what was used less long ago is kept. */
  readonly olderThan: number;
  /** Only say what would be taken. */
  readonly dryRun?: boolean;
}

/** What was taken of one kind. */
export interface Freed {
  readonly kind: string;
  readonly count: number;
  /** On the disk. */
  readonly bytes: number;
}

export interface Collection {
  readonly dryRun: boolean;
  readonly freed: readonly Freed[];
  readonly bytes: number;
  /** Ids of environments with a damaged state, for whose sake all layers were kept. */
  readonly unclear: readonly string[];
}

/** Milliseconds by which the time that the kernel gives a new file may be behind the clock. */
const clockSlack = 100;

/**
 * Frees what nobody needs; see {@link planCollection} for what that is. It may run beside any other command: whatever a
 * command that holds a lease has used since it began is kept, also with `olderThan` 0, and a command that is about to
 * use something waits for the moment in which it is decided and taken.
 *
 * In that moment names are removed, of files, and of layers, which get a temporary name: a kill leaves a store in which
 * each thing is there whole or not at all, and a rest that the next command sweeps up.
 */
export async function collect(store: Store, options: CollectOptions): Promise<Collection> {
  const { dryRun = false, olderThan } = options;
  const rubbish = (await findRubbish(store, olderThan)).map(({ path }) => relative(store.root, path));
  const leftovers = sum(await measurePaths(store.root, rubbish));
  if (!dryRun) await sweepLeftovers(store, olderThan);
  const { freed, unclear } = dryRun ? await look(store, olderThan) : await take(store, olderThan);
  const all = [...freed, { kind: "leftovers", count: rubbish.length, bytes: leftovers }];
  return { dryRun, freed: all, bytes: sum(all.map(({ bytes }) => bytes)), unclear };
}

type Kind = keyof CollectionPlan;

/** In the order in which they are taken. */
const kinds: readonly Kind[] = [
  "images",
  "steps",
  "layers",
  "derived",
  "blobs",
  "indexes",
  "facts",
  "projects",
];

type Outcome = Pick<Collection, "freed" | "unclear">;

async function look(store: Store, olderThan: number): Promise<Outcome> {
  const { plan, unclear } = await decide(store, olderThan);
  const freed = await Promise.all(
    kinds.map(async (kind): Promise<Freed> => {
      const paths = plan[kind].map(({ path }) => path);
      return { kind, count: paths.length, bytes: sum(await measurePaths(store.root, paths)) };
    }),
  );
  return { freed, unclear };
}

async function take(store: Store, olderThan: number): Promise<Outcome> {
  const { doomed, freed, unclear } = await whileCollecting(store, async () => {
    const decision = await decide(store, olderThan);
    const taken: Freed[] = [];
    const doomed: string[] = [];
    for (const kind of kinds) {
      const items = decision.plan[kind];
      if (kind === "layers") for (const item of items) doomed.push(await moveAway(store, item));
      const bytes = kind === "layers" ? 0 : await removeFiles(store, items);
      taken.push({ kind, count: items.length, bytes });
    }
    return { doomed, freed: taken, unclear: decision.unclear };
  });
  const layerBytes = sum(await measurePaths(store.root, doomed));
  await removePaths(store.root, doomed);
  await removeUnusedLocks(store, Date.now() - olderThan);
  return {
    freed: freed.map((one) => (one.kind === "layers" ? { ...one, bytes: layerBytes } : one)),
    unclear,
  };
}

async function decide(
  store: Store,
  olderThan: number,
): Promise<{ readonly plan: CollectionPlan; readonly unclear: readonly string[] }> {
  // Leases come first: whoever takes one later uses nothing before now.
  const now = Date.now();
  const lease = await oldestLease(store);
  const limit = Math.min(now - olderThan, (lease ?? Infinity) - clockSlack);
  const [contents, roots] = await Promise.all([readContents(store), findRoots(store)]);
  const imageBlobs = await readImageBlobs(store, contents.images);
  return { plan: planCollection(contents, roots, imageBlobs, limit), unclear: roots.unclear };
}

/** Takes a layer's name away; its files belong to mapped ids, and there are many. */
async function moveAway(store: Store, { path }: StoredItem): Promise<string> {
  const place = await store.temporaryPath("collected", "layers");
  await rename(join(store.root, path), place);
  return relative(store.root, place);
}

async function removeFiles(store: Store, items: readonly StoredItem[]): Promise<number> {
  let bytes = 0;
  for (const { path } of items) {
    const file = join(store.root, path);
    const status = await lstat(file).catch(() => undefined);
    await rm(file, { force: true });
    bytes += (status?.blocks ?? 0) * 512;
  }
  return bytes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
