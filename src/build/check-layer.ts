import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DevenvError } from "../errors.ts";
import type { Digest } from "../lock/index.ts";
import { packLayer } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { unlimitedEpoch } from "./graft-plan.ts";
import type { StepRecord } from "./record.ts";

/** What a look at a layer's files came to; `unknown` where no record says what they have to give. */
export type LayerCheck = "intact" | "unknown" | { readonly problem: string };

/**
 * Compares the files of a layer with what is recorded of it. One that devenv built is packed again, which gives the archive
 * that its diffID is the digest of. The archive of one that was pulled cannot be made again (its order, its compression of
 * headers are somebody else's), so what packing gave when it came is what it has to give. Nothing is changed.
 *
 * @param path of the layer below the store.
 * @param records those that name it.
 */
export async function checkLayer(
  store: Pick<Store, "root">,
  path: string,
  diffID: Digest,
  records: readonly StepRecord[],
): Promise<LayerCheck> {
  const expected = expectedArchive(diffID, records);
  if (expected === undefined) return "unknown";
  try {
    const found = await packLayer({ store: store.root, root: path, epoch: expected.epoch, keeps: true });
    if (found.diffID === expected.digest) return "intact";
    return { problem: `its files give ${found.diffID}, not ${expected.digest}` };
  } catch (error) {
    if (!(error instanceof DevenvError) || error.code !== "DEVENV_PACK_FAILED") throw error;
    // Taken away by somebody meanwhile, it is no matter any more.
    const isThere = (await stat(join(store.root, path)).catch(() => undefined)) !== undefined;
    return isThere ? { problem: error.message } : "unknown";
  }
}

function expectedArchive(
  diffID: Digest,
  records: readonly StepRecord[],
): { readonly digest: Digest; readonly epoch: number } | undefined {
  for (const { epoch } of records) if (epoch !== undefined) return { digest: diffID, epoch };
  for (const { packed } of records)
    if (packed !== undefined) return { digest: packed, epoch: unlimitedEpoch };
  return undefined;
}
