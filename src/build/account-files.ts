import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import type { Digest } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { unlimitedEpoch } from "./graft-plan.ts";
import { openPacked } from "./layer-archive.ts";

/** The files of a root that say who is who. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Bytes; nobody's list of users is longer. */
const longestFile = 1024 * 1024;

/**
 * The files as the layers, the lowest first, have them in the end; empty where there is none. Undefined when they are
 * no plain files in a plain directory, so that nothing can be added to them.
 *
 * Layers are looked into as archives, because only the sandbox opens paths of other people's trees: an archive is in
 * order, and what comes behind /etc is not packed any more.
 */
export async function readAccountFiles(
  store: Store,
  layers: readonly Digest[],
): Promise<AccountFiles | undefined> {
  const found: Partial<Record<keyof AccountFiles, string>> = {};
  for (const diffID of layers.toReversed()) {
    const layer = await lookInto(store, diffID);
    if (layer.isOdd) return undefined;
    for (const name of ["passwd", "group"] as const) {
      const file = layer.files.get(name);
      if (file !== undefined) found[name] ??= file;
    }
    const isComplete = found.passwd !== undefined && found.group !== undefined;
    if (isComplete || layer.hidesLower) break;
  }
  return { passwd: found.passwd ?? "", group: found.group ?? "" };
}

interface LayerView {
  /** By name; empty also for one that the layer removes. */
  readonly files: ReadonlyMap<string, string>;
  readonly hidesLower: boolean;
  readonly isOdd: boolean;
}

async function lookInto(store: Store, diffID: Digest): Promise<LayerView> {
  const enough = new AbortController();
  const archive = extract();
  // Nothing is to be changed by looking; and the archives of other people's layers had other bytes.
  const packed = openPacked(store, diffID, unlimitedEpoch, { isVerified: false, signal: enough.signal });
  const fed = pipeline(packed, archive);
  fed.catch(() => undefined);
  const files = new Map<string, string>();
  let hidesLower = false;
  let isOdd = false;
  try {
    for await (const entry of archive) {
      const { header } = entry;
      const path = header.name.replace(/^\.\//, "").replace(/\/$/, "");
      const file = /^etc\/(?:\.wh\.)?(passwd|group)$/.exec(path)?.[1];
      if (path === "etc" && header.type !== "directory") isOdd = true;
      if ([".wh..wh..opq", ".wh.etc", "etc/.wh..wh..opq"].includes(path)) hidesLower = true;
      if (file !== undefined && path.startsWith("etc/.wh.")) files.set(file, "");
      else if (file !== undefined) {
        if (isPlain(header)) files.set(file, await text(entry));
        else isOdd = true;
      }
      if (isOdd || (path.split("/")[0] ?? "") > "etc") break;
      entry.resume();
    }
  } catch (error) {
    await fed;
    throw error;
  } finally {
    enough.abort();
  }
  return { files, hidesLower, isOdd };
}

function isPlain({ type, size }: Header): boolean {
  return type === "file" && size <= longestFile;
}
