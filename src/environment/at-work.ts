import { sweepLeftovers } from "../build/sweep.ts";
import { type Store, withLease } from "../store/index.ts";

/**
 * Does what needs layers and images of the store, or makes some: under a lease, so that no collector takes them away,
 * and after what killed commands left behind was swept up.
 *
 * @throws DevenvError `DEVENV_DISK_FULL` when the store's file system is full, else what `work` fails with.
 */
export async function atWork<T>(store: Store, work: () => Promise<T>): Promise<T> {
  try {
    return await withLease(store, async () => {
      await sweepLeftovers(store);
      return await work();
    });
  } catch (error) {
    const { explainFullDisk } = await import("./disk-full.ts");
    throw await explainFullDisk(store, error);
  }
}
