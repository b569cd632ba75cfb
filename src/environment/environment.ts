import { mkdir, rename } from "node:fs/promises";
import { basename } from "node:path";
import type { Platform } from "../lock/types.ts";
import type { Store } from "../store/index.ts";
import { type EnvironmentDirectory, environmentDirectory, findId } from "./directory.ts";
import { hostPlatform } from "./host-platform.ts";
import { nameOf } from "./identity.ts";
import { type EnvironmentState, readState, writeState } from "./state.ts";

/** An environment in the hands of whoever holds its lock. */
export interface Environment {
  directory: EnvironmentDirectory;
  state: EnvironmentState;
}

/** What an environment is called and belongs to. */
export interface EnvironmentIdentity {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly platform: Platform;
}

/** The environment of a project for a platform, the host's unless given, if there is one, half made or whole. */
export async function loadEnvironment(
  store: Store,
  projectRoot: string,
  platform?: Platform,
): Promise<Environment | undefined> {
  const id = await findId(store, projectRoot, platform);
  return id === undefined ? undefined : await loadById(store, id);
}

/**
 * The environment with this id, which is there. One whose state cannot be read is one that was never brought to its
 * end: what runs of it is still found, home and volumes stay, its writable layer is not trusted.
 */
export async function loadById(store: Store, id: string): Promise<Environment> {
  const directory = environmentDirectory(store, id);
  const state = await readState(directory.path);
  return {
    directory,
    state: state ?? newState({ id, name: nameOf(id), project: "", platform: hostPlatform() }),
  };
}

/** Writes the state first: a directory without one is half made, and so is a state without an image. */
export async function createEnvironment(store: Store, identity: EnvironmentIdentity): Promise<Environment> {
  const directory = environmentDirectory(store, identity.id);
  await mkdir(directory.path, { recursive: true, mode: 0o700 });
  const state = newState(identity);
  await writeState(directory.path, state);
  return { directory, state };
}

function newState(identity: EnvironmentIdentity): EnvironmentState {
  return {
    version: 1,
    ...identity,
    created: new Date().toISOString(),
    isPrepared: false,
    hasHome: false,
    isCreated: false,
    allowsMissingLimits: false,
  };
}

/** Changes the state, on disk before in memory. */
export async function save(environment: Environment, change: Partial<EnvironmentState>): Promise<void> {
  const state = { ...environment.state, ...change };
  await writeState(environment.directory.path, state);
  environment.state = state;
}

/** Gives the environment the name and the place that the project has now; it must not run. */
export async function renameEnvironment(
  store: Store,
  environment: Environment,
  identity: EnvironmentIdentity,
): Promise<void> {
  const directory = environmentDirectory(store, identity.id);
  if (basename(environment.directory.path) !== identity.id)
    await rename(environment.directory.path, directory.path);
  environment.directory = directory;
  await save(environment, identity);
}
