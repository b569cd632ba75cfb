import { timed } from "../debug.ts";
import type { Digest } from "../lock/index.ts";
import { type Store, withStoreLock } from "../store/index.ts";
import type { BuildProgress } from "./progress.ts";
import { readRecord, type StepRecord, writeRecord } from "./record.ts";
import { sweepLeftovers } from "./sweep.ts";

/** Milliseconds after which somebody is told that another process is at it. */
const patience = 300;

/** More collectors than these do not come between. */
const triesAtMost = 3;

/** Something that is built once, whoever asks for it. */
interface Keyed {
  readonly name: string;
  readonly cacheKey: Digest;
}

/** Makes what a cache key stands for and records it, unless another process has just done so. */
export async function once(
  store: Store,
  { name, cacheKey }: Keyed,
  onProgress: ((progress: BuildProgress) => void) | undefined,
  make: (report: (progress: BuildProgress) => void) => Promise<StepRecord>,
): Promise<StepRecord> {
  const report = onProgress ?? (() => {});
  const waiting = setTimeout(() => report({ phase: "wait", step: name }), patience);
  return await withStoreLock(store, `step-${cacheKey.replace("sha256:", "")}`, async () => {
    clearTimeout(waiting);
    return await untilRecorded(store, cacheKey, async () => {
      await timed(`${name}: sweep`, () => sweepLeftovers(store));
      await writeRecord(store, cacheKey, await make(report));
    });
  }).finally(() => clearTimeout(waiting));
}

/**
 * The record of a cache key, made where there is none. Also what was just made is looked for: a collector may have
 * taken away a layer of the same bytes, which nobody needed before.
 */
export async function untilRecorded(
  store: Store,
  cacheKey: Digest,
  make: () => Promise<void>,
): Promise<StepRecord> {
  for (let tries = 0; tries <= triesAtMost; tries++) {
    const record = await readRecord(store, cacheKey);
    if (record !== undefined) return record;
    if (tries < triesAtMost) await make();
  }
  throw new Error(`Assertion failed: ${cacheKey} was made and is not there`);
}
