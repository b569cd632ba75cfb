import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { removePaths } from "../sandbox/index.ts";
import { findLeftovers, type Leftover, type Store, withStoreLock } from "../store/index.ts";

/** Milliseconds for which a broken download is kept: the next command that wants the file goes on with it. */
const downloadsKept = 7 * 24 * 3600 * 1000;

/**
 * Removes what killed commands left in the store. Some of it belongs to mapped ids, so the sandbox does it.
 *
 * @param kept milliseconds for which a broken download may be of use, when not a week.
 */
export async function sweepLeftovers(store: Store, kept = downloadsKept): Promise<void> {
  if ((await findRubbish(store, kept)).length === 0) return;
  await withStoreLock(store, "sweep", async () => {
    const rubbish = await findRubbish(store, kept);
    if (rubbish.length === 0) return;
    await removePaths(
      store.root,
      rubbish.map(({ path }) => relative(store.root, path)),
    );
  });
}

/** What {@link sweepLeftovers} removes. */
export async function findRubbish(store: Store, kept = downloadsKept): Promise<Leftover[]> {
  const leftovers = await findLeftovers(store);
  const rubbish = await Promise.all(leftovers.map((leftover) => isRubbish(leftover, kept)));
  return leftovers.filter((_, index) => rubbish[index]);
}

async function isRubbish({ label, path }: Leftover, kept: number): Promise<boolean> {
  if (!label.startsWith("download-")) return true;
  const status = await stat(path).catch(() => undefined);
  return status === undefined || Date.now() - status.mtimeMs > Math.min(kept, downloadsKept);
}
