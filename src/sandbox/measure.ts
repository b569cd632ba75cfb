import { runStoreVerb } from "./store-verb.ts";

/**
 * The bytes that paths of the store take on the disk, each with everything in it, whoever it belongs to inside. A file
 * with several names counts once, where the first of them is met; what is not there takes nothing.
 *
 * @param paths below the store.
 * @returns one number for each path, in their order.
 */
export async function measurePaths(store: string, paths: readonly string[]): Promise<number[]> {
  if (paths.length === 0) return [];
  const printed = await runStoreVerb("measure", store, paths);
  const sizes = printed.split("\n").slice(0, -1).map(Number);
  if (sizes.length !== paths.length || sizes.some(Number.isNaN))
    throw new Error("Assertion failed: measure answered for other paths");
  return sizes;
}
