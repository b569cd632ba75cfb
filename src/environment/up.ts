import { realpath } from "node:fs/promises";
import { type Hooks, type Project, readConfiguration, withPositions } from "../config/index.ts";
import type { Platform } from "../lock/types.ts";
import type { Store } from "../store/index.ts";
import { atWork } from "./at-work.ts";
import { buildProject } from "./build-project.ts";
import type { ConsentOptions } from "./consent.ts";
import type { RunningEnvironment } from "./enter.ts";
import { takeSources, writeEntry } from "./entry.ts";
import { type Environment, save } from "./environment.ts";
import { withEnvironmentLock } from "./exclusive.ts";
import { runHook } from "./hooks.ts";
import { projectKey } from "./identity.ts";
import { takeInputStamps } from "./input-stamps.ts";
import type { Observer } from "./observer.ts";
import { reach, wantedOf } from "./reach.ts";
import { awaitNetwork } from "./restore.ts";
import type { RunningProcess } from "./running.ts";
import { type FileStamp, stampOf } from "./stamp.ts";
import { planStart, type StartPlan } from "./start.ts";

export interface UpOptions extends ConsentOptions {
  readonly observer: Observer;
  /** Fail where the lock would have to change. */
  readonly frozen?: boolean;
  /** That of this host unless given; each platform has an environment of its own. */
  readonly platform?: Platform | undefined;
  /** Start even if the host cannot enforce a limit; remembered by the environment. */
  readonly allowMissingLimits?: boolean;
  /** `beside`: do not wait for the network, unless a hook runs. */
  readonly network?: "beside";
}

export interface UpOutcome extends RunningEnvironment {
  readonly did: "nothing" | "something";
}

/**
 * Makes the environment what configuration and lock ask for, and starts it. Whatever a killed `up`, a killed
 * environment or a reboot left behind, the steps that are missing are done and no other.
 */
export async function up(store: Store, project: Project, options: UpOptions): Promise<UpOutcome> {
  const root = await realpath(project.root);
  const key = projectKey(root, options.platform);
  const alone = (work: () => Promise<UpOutcome>) =>
    withEnvironmentLock(store, key, () => atWork(store, work));
  return await alone(async () => {
    const before = await stampsOf(project);
    const sources = await takeSources();
    const loaded = await readConfiguration(project.configFile);
    const { configuration } = loaded;
    const inputs = await takeInputStamps(root, configuration.layers);
    const image = await withPositions(loaded, () => buildProject(store, project, configuration, options));
    const { environment, running, plan, hasStarted, hasChanged } = await reach(
      store,
      root,
      configuration,
      image,
      options,
    );
    if (options.network !== "beside") await awaitNetwork(environment, plan, hasStarted, options.observer);
    const ran = await runHooks(environment, running, configuration.hooks, options.observer);
    // A file that someone else changed meanwhile is not the one that was read: the next `up` looks again.
    const lock = image.wroteLock ? await stampOf(project.lockFile) : before.lock;
    if (before.configuration !== undefined && lock !== undefined) {
      const stamps = { configuration: before.configuration, lock, ...(inputs && { inputs }) };
      await save(environment, { stamps, onEnter: configuration.hooks.onEnter });
      const { state, directory } = environment;
      const facts = { state, configuration, start: plan, sources };
      await writeEntry(store, key, directory.path, facts);
    }
    return { state: environment.state, running, did: hasChanged || ran ? "something" : "nothing" };
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
async function runHooks(
  environment: Environment,
  running: RunningProcess,
  hooks: Hooks,
  observer: Observer,
): Promise<boolean> {
  const run = (name: "onCreate" | "onStart", command: string) =>
    runHook({ state: environment.state, running }, name, command, observer);
  let ran = false;
  if (!environment.state.isCreated) {
    if (hooks.onCreate !== undefined) await run("onCreate", hooks.onCreate);
    await save(environment, { isCreated: true });
    ran = true;
  }
  const { start } = environment.state;
  if (start?.onStart === "owed") {
    if (hooks.onStart !== undefined) await run("onStart", hooks.onStart);
    await save(environment, { start: { ...start, onStart: "done" } });
    ran = true;
  }
  return ran;
}
