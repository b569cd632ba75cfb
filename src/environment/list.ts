import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Project } from "../config/index.ts";
import { didYouMean } from "../config/similar.ts";
import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/types.ts";
import type { Store } from "../store/index.ts";
import { environmentIds, findId } from "./directory.ts";
import { type Environment, loadById } from "./environment.ts";
import { hostPlatform } from "./host-platform.ts";
import { findRunning } from "./running.ts";

/** An environment as `ps` shows it. */
export interface EnvironmentSummary {
  readonly id: string;
  readonly name: string;
  /** Real path of the project's directory; absent when the state of the environment is damaged. */
  readonly project?: string;
  /** Whether the project is not there any more: removed, moved, or on a disk that is not mounted. */
  readonly isGone: boolean;
  readonly isRunning: boolean;
  /** Of the init process, seen from outside; absent when stopped. */
  readonly pid?: number;
  /** ISO 8601 in UTC; absent when stopped. */
  readonly started?: string;
  readonly image?: string;
  /** Where it is not that of this host. */
  readonly platform?: Platform;
}

/** All environments of the store, by name. */
export async function listEnvironments(store: Store): Promise<EnvironmentSummary[]> {
  const ids = await environmentIds(store);
  return await Promise.all(ids.map((id) => summaryOf(store, id)));
}

/** The environment of a project; undefined when it has none. */
export async function findEnvironment(
  store: Store,
  project: Project,
): Promise<EnvironmentSummary | undefined> {
  const id = await findId(store, await realpath(project.root));
  return id === undefined ? undefined : await summaryOf(store, id);
}

/**
 * The environment with this id, or this name when no other has it.
 *
 * @throws DevenvError `DEVENV_NO_ENVIRONMENT` when there is none, or more than one.
 */
export async function findNamed(store: Store, word: string): Promise<EnvironmentSummary> {
  const environments = await listEnvironments(store);
  const found = environments.filter(({ id, name }) => id === word || name === word);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const ids = environments.flatMap(({ id, name }) => [name, id]);
  const message =
    first === undefined
      ? `there is no environment ${JSON.stringify(word)}${didYouMean(word, ids)}`
      : `${found.length} environments are called ${word}: ${found.map(({ id }) => id).join(", ")}`;
  throw new DevenvError("DEVENV_NO_ENVIRONMENT", message, { usage: true, hint: "`devenv ps` lists all." });
}

async function summaryOf(store: Store, id: string): Promise<EnvironmentSummary> {
  const environment = await loadById(store, id);
  const { name, project, image, platform } = environment.state;
  const [running, isGone] = await Promise.all([
    findRunning(environment.directory.path),
    isProjectGone(environment),
  ]);
  return {
    id,
    name,
    ...(project === "" ? {} : { project }),
    isGone,
    isRunning: running !== undefined,
    ...(running === undefined ? {} : { pid: running.pid, started: running.started }),
    ...(image === undefined ? {} : { image: image.digest }),
    ...(platform === hostPlatform() ? {} : { platform }),
  };
}

async function isProjectGone({ state: { project } }: Environment): Promise<boolean> {
  if (project === "") return false;
  try {
    await stat(join(project, "devenv.jsonc"));
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR";
  }
}
