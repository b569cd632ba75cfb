import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { removePaths } from "../sandbox/index.ts";
import { findLeftovers, type Leftover, type Store, withStoreLock } from "../store/index.ts";

/** Milliseconds for which a broken download is kept: the next command that wants the file goes on with it. */
const downloadsKept = 7 * 24 * 3600 * 1000;

/** Removes what killed builds left in the store. Some of it belongs to mapped ids, so the sandbox does it. */
export async function sweepLeftovers(store: Store): Promise<void> {
  if ((await findRubbish(store)).length === 0) return;
  await withStoreLock(store, "sweep", async () => {
    const rubbish = await findRubbish(store);
    if (rubbish.length === 0) return;
    await removePaths(
      store.root,
      rubbish.map(({ path }) => relative(store.root, path)),
    );
  });
}

async function findRubbish(store: Store): Promise<Leftover[]> {
  const leftovers = await findLeftovers(store);
  const rubbish = await Promise.all(leftovers.map(isRubbish));
  return leftovers.filter((_, index) => rubbish[index]);
}

async function isRubbish({ label, path }: Leftover): Promise<boolean> {
  if (!label.startsWith("download-")) return true;
  const status = await stat(path).catch(() => undefined);
  return status === undefined || Date.now() - status.mtimeMs > downloadsKept;
}
