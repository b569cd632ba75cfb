import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import type { Configuration, Project } from "../config/index.ts";
import { type Lock, type Platform, readLock } from "../lock/index.ts";
import { readUsage } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { environmentDirectory } from "./directory.ts";
import { diskUsage } from "./disk.ts";
import { loadEnvironment } from "./environment.ts";
import { environmentId } from "./identity.ts";
import { expandHome, homeDirectory, workspacePath } from "./inside.ts";
import { type LimitStatus, limitStatus } from "./limit-status.ts";
import { commandDifferences, readCommands } from "./lock-commands.ts";
import { staleness } from "./lock-project.ts";
import { networkState } from "./network.ts";
import { findRunning } from "./running.ts";
import { settingsOf } from "./settings.ts";
import { isSameStamp, stampOf } from "./stamp.ts";
import { groupsOf, type StartSettings } from "./state.ts";

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
  readonly network: NetworkStatus;
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

export interface NetworkStatus {
  readonly kind: StartSettings["network"];
  /** Why packets cannot flow at present; absent when they can, or nothing runs. */
  readonly lost?: string;
  readonly ports: StartSettings["ports"];
  readonly hostPorts: StartSettings["hostPorts"];
}

/** The environment of a project, for the host's platform unless given, as it is now. What runs is described as it was started, the rest as configured. */
export async function describeStatus(
  store: Store,
  project: Project,
  configuration: Configuration,
  platform?: Platform,
): Promise<EnvironmentStatus> {
  const root = await realpath(project.root);
  const environment = await loadEnvironment(store, root, platform);
  const state = environment?.state;
  const running = environment === undefined ? undefined : await findRunning(environment.directory.path);
  const start = running === undefined ? undefined : state?.start;
  const lock = await readLock(project.lockFile);
  const settings = start?.settings ?? settingsOf(configuration);
  const id = state?.id ?? environmentId(configuration.name, root, platform);
  const directory = environmentDirectory(store, id);
  const disk = existsSync(directory.disk) ? directory.disk : undefined;
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
    isLocked:
      lock !== undefined &&
      staleness(lock, configuration).length === 0 &&
      (await hasSameCommands(store, project, configuration, lock)),
    ...(state?.image === undefined ? {} : { image: state.image.digest }),
    limits: limitStatus(settings.limits, start, {
      ...(await readUsage(state?.start === undefined ? [] : groupsOf(state.start))),
      ...(running === undefined ? {} : { disk: await diskUsage(directory, running.pid) }),
    }),
    network: await networkStatus(running?.directory, settings),
    mounts: [
      { source: root, target: workspacePath(settings.name) },
      { source: disk ?? directory.home, target: homeDirectory },
      ...settings.mounts.map(({ volume, target }) => ({
        source: disk ?? directory.volume(volume),
        target: expandHome(target),
      })),
    ],
  };
}

/** Inputs that cannot be read are not those of the lock. */
async function hasSameCommands(
  store: Store,
  project: Project,
  configuration: Configuration,
  lock: Lock,
): Promise<boolean> {
  try {
    const commands = await readCommands(store, project, configuration);
    return (await commandDifferences(store, lock, commands)).length === 0;
  } catch {
    return false;
  }
}

async function networkStatus(directory: string | undefined, settings: StartSettings): Promise<NetworkStatus> {
  const state = directory === undefined ? undefined : await networkState(directory, settings);
  return {
    kind: settings.network,
    ...(state?.kind === "lost" ? { lost: state.reason } : {}),
    ports: settings.ports,
    hostPorts: settings.hostPorts,
  };
}
