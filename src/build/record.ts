import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import { canonicalJson, type Digest } from "../lock/index.ts";
import { noteUse, type Store } from "../store/index.ts";

/** What a step gave, kept in the store under its cache key. */
export interface StepRecord {
  readonly diffID: Digest;
  /** Bytes of the layer's tar archive. */
  readonly size: number;
  /** That the layer of an image hides all layers below it. */
  readonly hidesLower?: true;
  /** That the layer's archive was packed with, and can be again: seconds since 1970. Absent for a layer that was pulled. */
  readonly epoch?: number;
  /**
   * The digest of the archive that packing gives of a layer that was pulled: its own cannot be made again from its files.
   */
  readonly packed?: Digest;
  /** Directories that the layer of an image has no entry of; absent where nobody has looked. */
  readonly implicitDirectories?: readonly string[];
}

/**
 * What the step gave when it was built before, undefined when it was not or its layer is gone. Whoever asks is going to
 * use it, which is noted.
 */
export async function readRecord(store: Store, cacheKey: Digest): Promise<StepRecord | undefined> {
  const file = recordPath(store, cacheKey);
  const record = parseRecord(await readFile(file, "utf8").catch(() => ""));
  if (record === undefined || !(await noteUse(store, [file]))[0]) return undefined;
  const layer = await stat(store.layerPath(record.diffID)).catch(() => undefined);
  return layer?.isDirectory() ? record : undefined;
}

export async function writeRecord(store: Store, cacheKey: Digest, record: StepRecord): Promise<void> {
  await writeFileAtomic(recordPath(store, cacheKey), `${canonicalJson(record)}\n`);
}

/** The step is built again when somebody asks for it. */
export async function forgetRecord(store: Store, cacheKey: Digest): Promise<void> {
  await rm(recordPath(store, cacheKey), { force: true });
}

function recordPath(store: Store, cacheKey: Digest): string {
  return join(store.root, "steps", `${cacheKey.replace("sha256:", "")}.json`);
}

/** A record that cannot be read is as good as none: the step is built again. */
export function parseRecord(text: string): StepRecord | undefined {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const { diffID, epoch, hidesLower, implicitDirectories, packed, size } = found;
    if (!isDigest(diffID) || typeof size !== "number") return undefined;
    return {
      diffID,
      size,
      ...(typeof epoch === "number" ? { epoch } : {}),
      ...(isDigest(packed) ? { packed } : {}),
      ...(hidesLower === true ? { hidesLower } : {}),
      ...(isTexts(implicitDirectories) ? { implicitDirectories } : {}),
    };
  } catch {
    return undefined;
  }
}

function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
