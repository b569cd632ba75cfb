import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { parseRecord, type StepRecord } from "./record.ts";

/** Something in the store that was used at some time. */
export interface StoredItem {
  /** File name without a suffix. */
  readonly name: string;
  /** Below the store. */
  readonly path: string;
  /** Milliseconds since 1970: of the last use, as far as anybody noted one. */
  readonly used: number;
  /** Tells it from what may get its name later. */
  readonly inode: number;
}

export interface StoredStep extends StoredItem {
  /** Absent when it cannot be read. */
  readonly record: StepRecord | undefined;
}

export interface StoredImage extends StoredItem {
  readonly digest: Digest;
  /** Absent when it cannot be read. */
  readonly layers: readonly Digest[] | undefined;
}

export interface StoredLayer extends StoredItem {
  readonly diffID: Digest;
}

/** Everything in the store that can be made or fetched again. */
export interface StoreContents {
  readonly images: readonly StoredImage[];
  readonly steps: readonly StoredStep[];
  readonly layers: readonly StoredLayer[];
  /** What is known of layers beside their records: `compressed/` and `elf/`, by diffID. */
  readonly derived: readonly StoredItem[];
  readonly blobs: readonly StoredItem[];
  readonly indexes: readonly StoredItem[];
  readonly facts: readonly StoredItem[];
  /** What the last builds of projects ran, and the output of what failed. */
  readonly projects: readonly StoredItem[];
}

/** Reads what the store has, and notes no use of it. Hidden files are somebody's who writes them at this moment. */
export async function readContents(store: Pick<Store, "root">): Promise<StoreContents> {
  const [images, steps, layers, compressed, elf, short, long, indexes, facts, projects] = await Promise.all([
    readImages(store),
    readSteps(store),
    readLayers(store),
    itemsIn(store, "compressed"),
    itemsIn(store, "elf"),
    itemsIn(store, "blobs/sha256"),
    itemsIn(store, "blobs/sha512"),
    itemsIn(store, "indexes"),
    itemsIn(store, "facts"),
    itemsIn(store, "projects"),
  ]);
  return {
    images,
    steps,
    layers,
    derived: [...compressed, ...elf].map(withoutSuffix),
    blobs: [...short, ...long],
    indexes,
    facts: facts.map(withoutSuffix),
    projects,
  };
}

async function readImages(store: Pick<Store, "root">): Promise<StoredImage[]> {
  const items = (await itemsIn(store, "images")).map(withoutSuffix).filter(({ name }) => isHex(name));
  return await Promise.all(
    items.map(async (item) => {
      const text = await readFile(join(store.root, item.path), "utf8").catch(() => "");
      return { ...item, digest: `sha256:${item.name}` as const, layers: parseLayers(text) };
    }),
  );
}

/** The diffIDs of an image's description. */
function parseLayers(text: string): Digest[] | undefined {
  try {
    const { layers } = JSON.parse(text) as { layers: readonly { diffID: unknown }[] };
    const diffIDs = layers.map(({ diffID }) => diffID);
    return diffIDs.every(isDigest) ? diffIDs : undefined;
  } catch {
    return undefined;
  }
}

async function readSteps(store: Pick<Store, "root">): Promise<StoredStep[]> {
  const items = (await itemsIn(store, "steps")).map(withoutSuffix);
  return await Promise.all(
    items.map(async (item) => {
      const text = await readFile(join(store.root, item.path), "utf8").catch(() => "");
      return { ...item, record: parseRecord(text) };
    }),
  );
}

/** The time of a layer's files is the archive's; when the directory got its name, the kernel says. */
async function readLayers(store: Pick<Store, "root">): Promise<StoredLayer[]> {
  const items = await itemsIn(store, "layers", "ctimeMs");
  return items
    .filter(({ name }) => isHex(name))
    .map((item) => ({ ...item, diffID: `sha256:${item.name}` as const }));
}

async function itemsIn(
  { root }: Pick<Store, "root">,
  directory: string,
  time: "mtimeMs" | "ctimeMs" = "mtimeMs",
): Promise<StoredItem[]> {
  const names = (await readdir(join(root, directory))).filter((name) => !name.startsWith("."));
  const items = await Promise.all(
    names.sort().map(async (name) => {
      const path = `${directory}/${name}`;
      const status = await stat(join(root, path)).catch(() => undefined);
      return status === undefined ? [] : [{ name, path, used: status[time], inode: status.ino }];
    }),
  );
  return items.flat();
}

function withoutSuffix(item: StoredItem): StoredItem {
  return { ...item, name: item.name.replace(/\.json$/, "") };
}

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && value.startsWith("sha256:") && isHex(value.slice("sha256:".length));
}

function isHex(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
