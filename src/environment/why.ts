import type { Configuration, Project } from "../config/index.ts";
import type { Platform } from "../lock/index.ts";
import { explainWhy, type Reason } from "../resolve/index.ts";
import type { Store } from "../store/index.ts";
import { openProjectIndexes, openProjectSystems } from "./inputs.ts";
import { requireLock } from "./lock-project.ts";

/** The reasons why a package is in the lock, for the platforms that have it for exactly these. */
export interface PackageReasons {
  readonly platforms: readonly Platform[];
  readonly reasons: readonly Reason[];
}

/**
 * Who asked for a package of the lock.
 *
 * @throws DevenvError `DEVENV_LOCK_STALE`, `DEVENV_NOT_LOCKED`.
 */
export async function explainPackage(
  store: Store,
  project: Project,
  configuration: Configuration,
  name: string,
): Promise<PackageReasons[]> {
  const lock = await requireLock(store, project, configuration);
  const systems = await openProjectSystems(store, configuration, lock);
  const indexes = systems.size > 0 ? systems : await openProjectIndexes(store, configuration, lock);
  const reasons = explainWhy(indexes, lock, name, configuration.packages);
  const groups = new Map<string, { platforms: Platform[]; reasons: readonly Reason[] }>();
  for (const [platform, found] of reasons) {
    const key = JSON.stringify(found);
    const group = groups.get(key) ?? { platforms: [], reasons: found };
    group.platforms.push(platform);
    groups.set(key, group);
  }
  return [...groups.values()];
}
