import { timed } from "../debug.ts";
import type { Digest } from "../lock/index.ts";
import { type Store, withStoreLock } from "../store/index.ts";
import type { BuildProgress } from "./progress.ts";
import { readRecord, type StepRecord, writeRecord } from "./record.ts";
import { sweepLeftovers } from "./sweep.ts";

/** Milliseconds after which somebody is told that another process is at it. */
const patience = 300;

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
    const record = await readRecord(store, cacheKey);
    if (record !== undefined) return record;
    await timed(`${name}: sweep`, () => sweepLeftovers(store));
    const made = await make(report);
    await writeRecord(store, cacheKey, made);
    return made;
  }).finally(() => clearTimeout(waiting));
}
