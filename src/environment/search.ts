import type { Configuration, Project } from "../config/index.ts";
import { type Platform, readLock } from "../lock/index.ts";
import { newestOf, type PackageIndex } from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";
import { openProjectIndexes } from "./inputs.ts";

/** A package that a search found, in its newest version. */
export interface FoundPackage {
  readonly name: string;
  readonly version: string;
  /** Those of the configuration's platforms that have it. */
  readonly platforms: readonly Platform[];
  readonly description: string;
}

/** Packages of the base's release with a word in their name or description, the best matches first. */
export async function searchPackages(
  store: Store,
  project: Project,
  configuration: Configuration,
  word: string,
): Promise<FoundPackage[]> {
  const lock = configuration.base.kind === "image" ? await readLock(project.lockFile) : undefined;
  return mergeFound(await openProjectIndexes(store, configuration, lock), word);
}

/** Each name once, in the order in which the platforms' indexes give them. */
export function mergeFound(indexes: ReadonlyMap<Platform, PackageIndex>, word: string): FoundPackage[] {
  const found = new Map<string, FoundPackage>();
  for (const [platform, index] of indexes) {
    for (const name of new Set(index.search(word).map((record) => record.name))) {
      const { version, description = "" } = newestOf(index.byName(name));
      const before = found.get(name);
      const platforms = [...(before?.platforms ?? []), platform];
      found.set(name, { name, version: before?.version ?? version, platforms, description });
    }
  }
  return [...found.values()];
}
