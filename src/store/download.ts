import { setMaxListeners } from "node:events";
import { rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../files.ts";
import { defaultPatience, type Patience } from "./http.ts";
import type { Store } from "./store.ts";
import { findLeftovers } from "./temporary.ts";
import { type DownloadItem, transfer } from "./transfer.ts";
import { noteUse } from "./use.ts";

/** How far {@link downloadBlobs} is. */
export interface DownloadProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly files: number;
  readonly totalFiles: number;
}

export interface DownloadOptions {
  /** Called often; counts only what was not in the store before. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  readonly patience?: Partial<Patience>;
  /** Transfers at the same time. */
  readonly parallel?: number;
}

/** The label, in `tmp/`, of a download that is not complete yet. */
const labelOf = (item: DownloadItem) => `download-${item.sha256}`;

/**
 * Brings the files that the store does not have yet, several at a time, each resumed after a break, also one that
 * ended an earlier process. A blob gets its name only after its size and SHA-256 were right and it is safe on disk.
 *
 * @throws DevenvError `DEVENV_DOWNLOAD` for the first file that no mirror has; what came so far is not lost.
 */
export async function downloadBlobs(
  store: Store,
  items: readonly DownloadItem[],
  options: DownloadOptions = {},
): Promise<void> {
  const missing = await findMissing(store, items);
  if (missing.length === 0) return;
  const paths = await temporaryPaths(store, missing);
  await transferAll(missing, paths, options);
  await publish(missing.map((item) => ({ from: pathOf(paths, item), to: store.blobPath(item.sha256) })));
  // What an earlier process had received has the time of that.
  await noteBlobs(store, missing);
}

async function findMissing(store: Store, items: readonly DownloadItem[]): Promise<DownloadItem[]> {
  const unique = [...new Map(items.map((item) => [item.sha256, item])).values()];
  await noteBlobs(store, unique);
  const there = await Promise.all(
    unique.map(async (item) => {
      try {
        return (await stat(store.blobPath(item.sha256))).size === item.size;
      } catch {
        return false;
      }
    }),
  );
  return unique.filter((_, index) => !there[index]);
}

async function noteBlobs(store: Store, items: readonly DownloadItem[]): Promise<void> {
  await noteUse(
    store,
    items.map(({ sha256 }) => store.blobPath(sha256)),
  );
}

/** New paths, in the place of which there is already what a process that is gone had received of the same file. */
async function temporaryPaths(store: Store, items: readonly DownloadItem[]): Promise<Map<string, string>> {
  const leftovers = new Map((await findLeftovers(store)).map(({ label, path }) => [label, path]));
  const paths = new Map<string, string>();
  for (const item of items) {
    const path = await store.temporaryPath(labelOf(item));
    paths.set(item.sha256, path);
    const leftover = leftovers.get(labelOf(item));
    // When another process was quicker, this download starts from nothing.
    if (leftover !== undefined) await rename(leftover, path).catch(() => {});
  }
  return paths;
}

async function transferAll(
  items: readonly DownloadItem[],
  paths: ReadonlyMap<string, string>,
  options: DownloadOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  // Each transfer listens for the end of all.
  setMaxListeners(0, signal);
  const patience = { ...defaultPatience, ...options.patience };
  const totalBytes = items.reduce((sum, item) => sum + item.size, 0);
  let bytes = 0;
  let files = 0;
  const report = () => options.onProgress?.({ bytes, totalBytes, files, totalFiles: items.length });
  // The largest first: the end does not wait for one that was started last.
  const queue = [...items].sort((a, b) => b.size - a.size);
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      signal.throwIfAborted();
      let length = 0;
      const onLength = (now: number) => {
        bytes += now - length;
        length = now;
        report();
      };
      await transfer(item, pathOf(paths, item), { patience, signal, onLength });
      files++;
      report();
    }
  };
  const failures: unknown[] = [];
  const workers = Array.from({ length: Math.min(options.parallel ?? 12, items.length) }, () =>
    work().catch((error: unknown) => {
      failures.push(error);
      stop.abort();
    }),
  );
  await Promise.all(workers);
  options.signal?.throwIfAborted();
  if (failures.length > 0) {
    await removeEmpty([...paths.values()]);
    throw failures[0];
  }
}

/** All together: the first fsync writes out most of what the others would have to wait for. */
async function publish(files: readonly { from: string; to: string }[]): Promise<void> {
  await Promise.all(files.map(({ from }) => syncPath(from)));
  await Promise.all(files.map(({ from, to }) => rename(from, to)));
  for (const directory of new Set(files.map(({ to }) => dirname(to)))) await syncPath(directory);
}

async function removeEmpty(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const size = await stat(path).then(
      (status) => status.size,
      () => undefined,
    );
    if (size === 0) await rm(path, { force: true });
  }
}

function pathOf(paths: ReadonlyMap<string, string>, item: DownloadItem): string {
  const path = paths.get(item.sha256);
  if (path === undefined) throw new Error(`Assertion failed: ${item.name} has no temporary path`);
  return path;
}
