import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Platform } from "../lock/types.ts";
import type { Store } from "../store/index.ts";
import { projectKey } from "./identity.ts";

/** Where the parts of one environment are. */
export interface EnvironmentDirectory {
  readonly path: string;
  /** The writable layer, and overlayfs' own directory beside it. */
  readonly upper: string;
  readonly work: string;
  readonly home: string;
  /** Where `limits.disk` is set: the file that holds all of them, and the place where the sandbox alone sees it. */
  readonly disk: string;
  readonly diskPlace: string;
  volume(name: string): string;
}

export function environmentDirectory(store: Pick<Store, "root">, id: string): EnvironmentDirectory {
  const path = join(store.root, "environments", id);
  return {
    path,
    upper: join(path, "upper"),
    work: join(path, "work"),
    home: join(path, "home"),
    disk: join(path, "disk.img"),
    diskPlace: join(path, "disk"),
    volume: (name) => join(path, "volumes", name),
  };
}

/** What the launcher reads of the environment of the project with this key. */
export function entryFile(store: Pick<Store, "root">, key: string): string {
  return join(store.root, "entries", key);
}

/** Makes what of an environment belongs to the developer. What is there already stays. */
export async function makeDirectories(
  directory: EnvironmentDirectory,
  volumes: readonly string[],
): Promise<void> {
  await mkdir(directory.path, { recursive: true, mode: 0o700 });
  const own = [directory.home, ...volumes.map((name) => directory.volume(name))];
  for (const path of own) await mkdir(path, { recursive: true, mode: 0o755 });
}

/** The ids of all environments in the store. */
export async function environmentIds(store: Pick<Store, "root">): Promise<string[]> {
  try {
    return (await readdir(join(store.root, "environments"))).filter((id) => /-[0-9a-f]{12}$/.test(id)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The id of the environment that belongs to a project, for the host's platform unless given, whatever the project was called when it was made. */
export async function findId(
  store: Pick<Store, "root">,
  projectRoot: string,
  platform?: Platform,
): Promise<string | undefined> {
  const key = projectKey(projectRoot, platform);
  return (await environmentIds(store)).find((id) => id.endsWith(`-${key}`));
}
