import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkLayer } from "../../build/check-layer.ts";
import type { StoreContents, StoredImage, StoredItem, StoredLayer } from "../../build/contents.ts";
import type { StepRecord } from "../../build/record.ts";
import type { Digest } from "../../lock/index.ts";
import { digestFiles } from "../../sandbox/index.ts";
import type { Store } from "../../store/index.ts";
import type { Observer } from "../observer.ts";
import type { StoreFinding } from "./finding.ts";

/** Layers looked at at the same time: of each one thread reads and another hashes. */
const layersAtOnce = 2;

export interface Examination {
  readonly findings: readonly StoreFinding[];
  /** Layers of which no record says what their files have to give. */
  readonly unknownLayers: readonly Digest[];
}

/** Looks at everything in the store that has a digest or refers to something, and changes nothing. */
export async function findDamage(
  store: Store,
  contents: StoreContents,
  observer: Observer,
): Promise<Examination> {
  observer.begin(`checking ${contents.blobs.length} blobs`);
  const blobs = await damagedBlobs(store, contents.blobs);
  observer.begin(`checking ${contents.layers.length} layers`);
  const layers = await damagedLayers(store, contents, observer);
  observer.end();
  return {
    findings: [
      ...blobs,
      ...layers.findings,
      ...damagedSteps(contents),
      ...(await damagedImages(store, contents)),
      ...(await damagedDerived(store, contents.derived)),
    ],
    unknownLayers: layers.unknown,
  };
}

async function damagedBlobs(store: Store, blobs: readonly StoredItem[]): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const algorithm of ["sha256", "sha512"] as const) {
    const items = blobs.filter(({ path }) => path.startsWith(`blobs/${algorithm}/`));
    const found = await digestFiles(
      store.root,
      algorithm,
      items.map(({ path }) => path),
    );
    for (const [index, { name, path }] of items.entries()) {
      const result = found[index];
      if (result === undefined) throw new Error(`Assertion failed: nothing was found of ${path}`);
      if ("digest" in result && result.digest === `${algorithm}:${name}`) continue;
      // Taken away by somebody meanwhile.
      if (!(await isThere(store, path))) continue;
      const problem = "digest" in result ? `its content is ${result.digest}` : result.unreadable;
      findings.push({ kind: "blob", path, problem });
    }
  }
  return findings;
}

async function damagedLayers(
  store: Store,
  { layers, steps }: StoreContents,
  observer: Observer,
): Promise<{ readonly findings: readonly StoreFinding[]; readonly unknown: readonly Digest[] }> {
  const records = new Map<Digest, StepRecord[]>();
  for (const { record } of steps)
    if (record !== undefined) records.set(record.diffID, [...(records.get(record.diffID) ?? []), record]);
  const findings: StoreFinding[] = [];
  const unknown: Digest[] = [];
  let done = 0;
  const queue = layers.values();
  const check = async ({ diffID, path }: StoredLayer): Promise<void> => {
    const result = await checkLayer(store, path, diffID, records.get(diffID) ?? []);
    if (result === "unknown") unknown.push(diffID);
    else if (result !== "intact") findings.push({ kind: "layer", path, diffID, problem: result.problem });
    done++;
    observer.progress(`${done} of ${layers.length}`);
  };
  const work = async (): Promise<void> => {
    for (const layer of queue) await check(layer);
  };
  await Promise.all(Array.from({ length: layersAtOnce }, work));
  return { findings, unknown };
}

function damagedSteps({ layers, steps }: StoreContents): StoreFinding[] {
  const there = new Set(layers.map(({ diffID }) => diffID));
  return steps.flatMap(({ path, record }): StoreFinding[] => {
    if (record === undefined) return [{ kind: "step", path, problem: "it cannot be read" }];
    if (there.has(record.diffID)) return [];
    return [{ kind: "step", path, problem: `its layer ${record.diffID} is not there` }];
  });
}

async function damagedImages(store: Store, { images, layers }: StoreContents): Promise<StoreFinding[]> {
  const there = new Set(layers.map(({ diffID }) => diffID));
  const found = await Promise.all(images.map((image) => problemOf(store, image, there)));
  return images.flatMap(({ path }, index): StoreFinding[] => {
    const problem = found[index];
    return problem === undefined ? [] : [{ kind: "image", path, problem }];
  });
}

async function problemOf(
  store: Store,
  { digest, layers }: StoredImage,
  there: ReadonlySet<Digest>,
): Promise<string | undefined> {
  if (layers === undefined) return "it cannot be read";
  const missing = layers.find((diffID) => !there.has(diffID));
  if (missing !== undefined) return `its layer ${missing} is not there`;
  return (await isThere(store, `blobs/sha256/${digest.replace("sha256:", "")}`))
    ? undefined
    : "its manifest is not there";
}

async function damagedDerived(store: Store, derived: readonly StoredItem[]): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const { path } of derived) {
    const text = await readFile(join(store.root, path), "utf8").catch(() => undefined);
    if (text !== undefined && !isJSON(text))
      findings.push({ kind: "derived", path, problem: "it cannot be read" });
  }
  return findings;
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function isThere(store: Store, path: string): Promise<boolean> {
  return (await stat(join(store.root, path)).catch(() => undefined)) !== undefined;
}
