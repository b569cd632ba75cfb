import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../../build/contents.ts";
import { type Digest, type LockedPlatform, readLock } from "../../lock/index.ts";
import type { Store } from "../../store/index.ts";
import { entryFile, environmentDirectory, environmentIds } from "../directory.ts";
import { keyOf } from "../identity.ts";
import { readState } from "../state.ts";
import { layersIn } from "./layers-in.ts";
import { findMounted } from "./mounted.ts";

/** What environments and their projects need, however long it was not used. */
export interface Roots {
  readonly layers: ReadonlySet<Digest>;
  /** Layers that are mounted at this moment, whatever is written down. */
  readonly mounted: ReadonlySet<Digest>;
  readonly images: ReadonlySet<Digest>;
  /** Digests of blobs, hexadecimal. */
  readonly blobs: ReadonlySet<string>;
  /** Keys of the projects that have an environment. */
  readonly projects: ReadonlySet<string>;
  /** Environments of which nobody can tell what they stand on. */
  readonly unclear: readonly string[];
}

/**
 * Finds them: the layers that the state and the entry of each environment name, those that any process of this user
 * has mounted, and what the lock of each environment's project records, which the next `up` there would need again.
 */
export async function findRoots(store: Store): Promise<Roots> {
  const ids = await environmentIds(store);
  const found = await Promise.all(ids.map((id) => rootsOf(store, id)));
  const mounted = await findMounted(store);
  const all = <Value>(values: readonly (readonly Value[])[]): Set<Value> => new Set(values.flat());
  return {
    layers: new Set([...mounted, ...found.flatMap(({ layers }) => layers)]),
    mounted,
    images: all(found.map(({ images }) => images)),
    blobs: all(found.map(({ blobs }) => blobs)),
    projects: new Set(ids.map(keyOf)),
    unclear: ids.filter((_, index) => found[index]?.isUnclear),
  };
}

interface EnvironmentRoots {
  readonly layers: readonly Digest[];
  readonly images: readonly Digest[];
  readonly blobs: readonly string[];
  readonly isUnclear: boolean;
}

async function rootsOf(store: Store, id: string): Promise<EnvironmentRoots> {
  const { path } = environmentDirectory(store, id);
  const state = await readState(path);
  const ofEntry = layersIn(await readFile(entryFile(store, keyOf(id)), "latin1").catch(() => ""));
  if (state === undefined) {
    // One that was killed before it had a state has nothing that stands on a layer.
    const names: readonly string[] = await readdir(path).catch(() => []);
    const isUnclear = ["state.json", "upper", "disk.img"].some((name) => names.includes(name));
    return { layers: ofEntry, images: [], blobs: [], isUnclear };
  }
  const layers: readonly unknown[] = state.image?.layers ?? [];
  const ofProject = await rootsOfLock(state.project);
  return {
    ...ofProject,
    layers: [...ofEntry, ...layers.filter(isDigest), ...ofProject.layers],
    images: [...(state.image === undefined ? [] : [state.image.digest]), ...ofProject.images],
    isUnclear: !layers.every(isDigest),
  };
}

/** A lock that is not there or cannot be read asks for nothing: its project has to be mended first. */
async function rootsOfLock(project: string): Promise<Omit<EnvironmentRoots, "isUnclear">> {
  if (project === "") return { layers: [], images: [], blobs: [] };
  const lock = await readLock(join(project, "devenv.lock")).catch(() => undefined);
  const platforms: LockedPlatform[] = Object.values(lock?.platforms ?? {});
  return {
    layers: platforms.flatMap(({ base, image }) => [
      ...(image?.layers ?? []).map(({ diffID }) => diffID),
      ...(base.kind === "image" ? base.layers.map(({ diffID }) => diffID) : []),
    ]),
    images: platforms.flatMap(({ image }) => (image === undefined ? [] : [image.digest])),
    blobs: platforms.flatMap(({ base }) =>
      base.kind === "image" ? [base.config.digest.replace(/^sha(256|512):/, "")] : [],
    ),
  };
}
