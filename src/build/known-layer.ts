import type { LockedLayer } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { pulledKey } from "./plan.ts";
import { readRecord, type StepRecord } from "./record.ts";

/**
 * What the store knows of the very layer that an image's description names, whether it was built here or pulled;
 * undefined when the layer is not there.
 *
 * A layer of somebody else's is kept under its diffID alone. That a step gives it is what one lock says, so only for
 * that lock it is a result of the step: nobody's registry can put a layer under the images of other projects.
 */
export async function readKnownLayer(
  store: Store,
  { cacheKey, diffID }: Pick<LockedLayer, "cacheKey" | "diffID">,
): Promise<StepRecord | undefined> {
  const built = await readRecord(store, cacheKey);
  return built?.diffID === diffID ? built : readRecord(store, pulledKey({ diffID }));
}
