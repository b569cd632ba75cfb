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
import { findRunning } from "./running.ts";
import { settingsOf } from "./settings.ts";
import { isSameStamp, stampOf } from "./stamp.ts";
import type { StartRecord, StartSettings } from "./state.ts";

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
  const running = environment === undefined ? undefined : await findRunning(environment.directory.path);
  const start = running === undefined ? undefined : state?.start;
  const lock = await readLock(project.lockFile);
  const settings = start?.settings ?? settingsOf(configuration);
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
    state: state === undefined ? "absent" : running === undefined ? "stopped" : "running",
    ...(running === undefined ? {} : { pid: running.pid, started: running.started }),
    isCurrent:
      isSameStamp(configurationStamp, state?.stamps?.configuration) &&
      isSameStamp(lockStamp, state?.stamps?.lock),
    isComplete: state?.isCreated === true && start !== undefined && start.onStart !== "owed",
    isLocked: lock !== undefined && staleness(lock, configuration).length === 0,
    ...(state?.image === undefined ? {} : { image: state.image.digest }),
    limits: await limitStatus(settings.limits, start),
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
  start: StartRecord | undefined,
): Promise<LimitStatus[]> {
  const names = (["cpus", "memory", "pids"] as const).filter((limit) => limits[limit] !== undefined);
  return await Promise.all(
    names.map(async (limit): Promise<LimitStatus> => {
      const missing = start?.missingLimits.find((item) => item.limit === limit)?.reason;
      const used =
        limit === "cpus" || start === undefined ? undefined : await readUsage(limit, start.cgroups);
      return {
        limit,
        value: limits[limit] ?? 0,
        ...(used === undefined ? {} : { used }),
        ...(missing === undefined ? {} : { missing }),
      };
    }),
  );
}
