import { realpath } from "node:fs/promises";
import type { Configuration, Project } from "../config/index.ts";
import { readLock } from "../lock/index.ts";
import { readUsage } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { environmentDirectory } from "./directory.ts";
import { loadEnvironment } from "./environment.ts";
import { environmentId } from "./identity.ts";
import { expandHome, homeDirectory, workspacePath } from "./inside.ts";
import { staleness } from "./lock-project.ts";
import { settingsOf } from "./settings.ts";
import { isSameStamp, stampOf } from "./stamp.ts";
import type { RunningState, StartSettings } from "./state.ts";
import { findInit } from "./stop.ts";

export interface EnvironmentStatus {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly state: "absent" | "stopped" | "running";
  readonly pid?: number;
  /** ISO 8601 in UTC. */
  readonly started?: string;
  /** Whether configuration and lock are those of the last `up`. */
  readonly isCurrent: boolean;
  readonly isComplete: boolean;
  readonly isLocked: boolean;
  readonly image?: string;
  readonly limits: readonly LimitStatus[];
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

export interface LimitStatus {
  readonly limit: "cpus" | "memory" | "pids";
  /** Processors, bytes, or processes. */
  readonly value: number;
  /** Bytes or processes; processors are not counted. */
  readonly used?: number;
  /** Why this host does not enforce it. */
  readonly missing?: string;
}

/** The environment of a project as it is now. What runs is described as it was started, the rest as configured. */
export async function describeStatus(
  store: Store,
  project: Project,
  configuration: Configuration,
): Promise<EnvironmentStatus> {
  const root = await realpath(project.root);
  const environment = await loadEnvironment(store, root);
  const state = environment?.state;
  const init = environment === undefined ? undefined : await findInit(environment);
  const running = init === undefined ? undefined : state?.running;
  const lock = await readLock(project.lockFile);
  const settings = running?.settings ?? settingsOf(configuration);
  const id = state?.id ?? environmentId(configuration.name, root);
  const directory = environmentDirectory(store, id);
  const [configurationStamp, lockStamp] = await Promise.all([
    stampOf(project.configFile),
    stampOf(project.lockFile),
  ]);
  return {
    id,
    name: settings.name,
    project: root,
    state: state === undefined ? "absent" : init === undefined ? "stopped" : "running",
    ...(init === undefined ? {} : { pid: init.pid }),
    ...(running === undefined ? {} : { started: running.started }),
    isCurrent:
      isSameStamp(configurationStamp, state?.stamps?.configuration) &&
      isSameStamp(lockStamp, state?.stamps?.lock),
    isComplete: state?.isCreated === true && running?.isStarted === true,
    isLocked: lock !== undefined && staleness(lock, configuration).length === 0,
    ...(state?.image === undefined ? {} : { image: state.image.digest }),
    limits: await limitStatus(settings.limits, running),
    mounts: [
      { source: root, target: workspacePath(settings.name) },
      { source: directory.home, target: homeDirectory },
      ...settings.mounts.map(({ volume, target }) => ({
        source: directory.volume(volume),
        target: expandHome(target),
      })),
    ],
  };
}

async function limitStatus(
  limits: StartSettings["limits"],
  running: RunningState | undefined,
): Promise<LimitStatus[]> {
  const names = (["cpus", "memory", "pids"] as const).filter((limit) => limits[limit] !== undefined);
  return await Promise.all(
    names.map(async (limit): Promise<LimitStatus> => {
      const missing = running?.missingLimits.find((item) => item.limit === limit)?.reason;
      const used =
        limit === "cpus" || running === undefined ? undefined : await readUsage(limit, running.cgroups);
      return {
        limit,
        value: limits[limit] ?? 0,
        ...(used === undefined ? {} : { used }),
        ...(missing === undefined ? {} : { missing }),
      };
    }),
  );
}
