import type { Digest } from "../../lock/index.ts";
import type { Store } from "../../store/index.ts";
import { environmentIds } from "../directory.ts";
import { loadById } from "../environment.ts";
import { findRunning } from "../running.ts";

/** An environment whose image has some layer. */
export interface Standing {
  readonly id: string;
  readonly project: string;
  readonly isRunning: boolean;
  /** Those of the layers asked for that it stands on. */
  readonly layers: readonly Digest[];
}

/** The environments that stand on any of these layers. */
export async function standingOn(store: Store, layers: ReadonlySet<Digest>): Promise<Standing[]> {
  const ids = await environmentIds(store);
  const found = await Promise.all(
    ids.map(async (id): Promise<Standing> => {
      const { directory, state } = await loadById(store, id);
      const running = await findRunning(directory.path);
      const own = (state.image?.layers ?? []).filter((diffID) => layers.has(diffID));
      return { id, project: state.project, isRunning: running !== undefined, layers: own };
    }),
  );
  return found.filter((one) => one.layers.length > 0);
}
