import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { setImmediate } from "node:timers/promises";
import { writeFileAtomic } from "../../files.ts";
import type { Digest } from "../../lock/index.ts";
import { type LayerEntry, listLayer } from "../../sandbox/index.ts";
import type { Store } from "../../store/index.ts";
import { type ElfFacts, type ElfReading, readElf } from "./read-elf.ts";

/** Something in a layer on which it depends what libraries a root has. */
export type InventoryEntry =
  | { readonly kind: "directory" | "opaque" | "whiteout"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "elf"; readonly path: string; readonly facts: ElfFacts }
  /** No library that can be loaded; `reason` where it was to be one. */
  | { readonly kind: "other"; readonly path: string; readonly reason?: string };

/** What one layer has. */
export interface LayerInventory {
  readonly format: typeof format;
  /** Paths are relative to the root, empty for itself; each directory comes before what is in it. */
  readonly entries: readonly InventoryEntry[];
}

/** To be raised whenever {@link LayerInventory} or what is read of a file changes. */
const format = 1;

/**
 * The inventory of a layer in the store. It is made once: a layer never changes.
 *
 * @throws DevenvError `DEVENV_LIST_FAILED` when the layer cannot be read, `DEVENV_WRITE`.
 */
export async function layerInventory(store: Store, diffID: Digest): Promise<LayerInventory> {
  const layer = store.layerPath(diffID);
  const file = join(store.root, "elf", `${basename(layer)}.json`);
  const known = parseInventory(await readFile(file, "utf8").catch(() => ""));
  if (known !== undefined) return known;
  const made = await makeInventory(store, relative(store.root, layer));
  await writeFileAtomic(file, JSON.stringify(made));
  return made;
}

/**
 * The inventory of an unpacked layer that has no name yet.
 *
 * @param place its path below the store; nobody changes it meanwhile.
 * @throws DevenvError `DEVENV_LIST_FAILED` when it cannot be read.
 */
export async function makeInventory(
  store: { readonly root: string },
  place: string,
): Promise<LayerInventory> {
  const entries: InventoryEntry[] = [];
  for (const entry of await listLayer(store.root, place)) {
    const made = inventoryEntry(join(store.root, place), entry);
    if (made === undefined) continue;
    entries.push(made);
    // Files are read synchronously, which is much faster; others are to get their turn nevertheless.
    if (made.kind === "elf" && entries.length % 16 === 0) await setImmediate();
  }
  return { format, entries };
}

function inventoryEntry(root: string, { kind, path, target }: LayerEntry): InventoryEntry | undefined {
  if (kind === "link") return { kind, path, target: target ?? "" };
  if (kind === "elf") {
    const reading = readFileElf(join(root, path));
    return "facts" in reading
      ? { kind, path, facts: reading.facts }
      : { kind: "other", path, reason: reading.reason };
  }
  // Of the rest only what lies where a library would matters: it hides one of a layer below.
  if (kind === "other") return /\.so(\.|$)/.test(path) ? { kind, path } : undefined;
  return { kind, path };
}

function readFileElf(file: string): ElfReading {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return { reason: "it cannot be opened" };
  }
  try {
    return readElf((offset, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
    }, fstatSync(fd).size);
  } catch {
    return { reason: "it cannot be read" };
  } finally {
    closeSync(fd);
  }
}

/** One that cannot be read is as good as none: it is made again. */
function parseInventory(text: string): LayerInventory | undefined {
  try {
    const value = JSON.parse(text) as Partial<LayerInventory>;
    return value.format === format && Array.isArray(value.entries) ? (value as LayerInventory) : undefined;
  } catch {
    return undefined;
  }
}
