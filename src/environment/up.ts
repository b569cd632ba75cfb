import { realpath } from "node:fs/promises";
import { type Hooks, type Project, readConfiguration, withPositions } from "../config/index.ts";
import type { Store } from "../store/index.ts";
import { buildProject } from "./build-project.ts";
import { type Environment, save } from "./environment.ts";
import { withEnvironmentLock } from "./exclusive.ts";
import { runHook } from "./hooks.ts";
import { projectKey } from "./identity.ts";
import type { Observer } from "./observer.ts";
import { reach, wantedOf } from "./reach.ts";
import { type FileStamp, stampOf } from "./stamp.ts";
import { planStart, type StartPlan } from "./start.ts";
import type { EnvironmentState } from "./state.ts";

export interface UpOptions {
  readonly observer: Observer;
  /** Fail where the lock would have to change. */
  readonly frozen?: boolean;
  /** Start even if the host cannot enforce a limit; remembered by the environment. */
  readonly allowMissingLimits?: boolean;
}

export interface UpOutcome {
  readonly state: EnvironmentState;
  readonly did: "nothing" | "started";
}

/**
 * Makes the environment what configuration and lock ask for, and starts it. Whatever a killed `up`, a killed
 * environment or a reboot left behind, the steps that are missing are done and no other.
 */
export async function up(store: Store, project: Project, options: UpOptions): Promise<UpOutcome> {
  const root = await realpath(project.root);
  return await withEnvironmentLock(store, projectKey(root), async () => {
    const before = await stampsOf(project);
    const loaded = await readConfiguration(project.configFile);
    const { configuration } = loaded;
    const image = await withPositions(loaded, () => buildProject(store, project, configuration, options));
    const { environment, hasStarted } = await reach(store, root, configuration, image, options);
    const ran = await runHooks(environment, configuration.hooks, options.observer);
    // A file that someone else changed meanwhile is not the one that was read: the next `up` looks again.
    const lock = image.wroteLock ? await stampOf(project.lockFile) : before.lock;
    await finish(environment, before.configuration, lock, configuration.hooks.onEnter);
    return { state: environment.state, did: hasStarted || ran ? "started" : "nothing" };
  });
}

/** The plan that {@link up} would start with; builds what it needs and changes no environment. */
export async function planUp(store: Store, project: Project, options: UpOptions): Promise<StartPlan> {
  const root = await realpath(project.root);
  const loaded = await readConfiguration(project.configFile);
  const { configuration } = loaded;
  const image = await withPositions(loaded, () => buildProject(store, project, configuration, options));
  const allowMissing = options.allowMissingLimits ?? false;
  return await planStart(store, root, wantedOf(root, configuration, image), allowMissing);
}

async function stampsOf(project: Project): Promise<Record<"configuration" | "lock", FileStamp | undefined>> {
  const [configuration, lock] = await Promise.all([stampOf(project.configFile), stampOf(project.lockFile)]);
  return { configuration, lock };
}

/** Runs the hooks that this writable layer and this start have not seen; resolves to whether there was one. */
async function runHooks(environment: Environment, hooks: Hooks, observer: Observer): Promise<boolean> {
  let ran = false;
  if (!environment.state.isCreated) {
    if (hooks.onCreate !== undefined) await runHook(environment.state, "onCreate", hooks.onCreate, observer);
    await save(environment, { isCreated: true });
    ran = true;
  }
  const { running } = environment.state;
  if (running !== undefined && !running.isStarted) {
    if (hooks.onStart !== undefined) await runHook(environment.state, "onStart", hooks.onStart, observer);
    await save(environment, { running: { ...running, isStarted: true } });
    ran = true;
  }
  return ran;
}

/** What lets the next `up` see at once that there is nothing to do. */
async function finish(
  environment: Environment,
  configuration: FileStamp | undefined,
  lock: FileStamp | undefined,
  onEnter: string | undefined,
): Promise<void> {
  const stamps = configuration === undefined || lock === undefined ? undefined : { configuration, lock };
  await save(environment, { stamps, onEnter });
}
