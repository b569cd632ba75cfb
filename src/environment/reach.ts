import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import { removePaths } from "../sandbox/index.ts";
import { readSettings, settingsError } from "../sources/settings.ts";
import type { Store } from "../store/index.ts";
import type { ProjectImage } from "./build-project.ts";
import { changeLimits, planChange } from "./change-limits.ts";
import { agree, type Consent, type ConsentOptions } from "./consent.ts";
import { decide, type Wanted } from "./decide.ts";
import { checkDisk } from "./disk.ts";
import { removeEntry } from "./entry.ts";
import {
  createEnvironment,
  type Environment,
  loadEnvironment,
  renameEnvironment,
  save,
} from "./environment.ts";
import { environmentId, keyOf } from "./identity.ts";
import type { Observer } from "./observer.ts";
import { checkPortsFree } from "./port-holder.ts";
import { addUser, fillHome } from "./prepare.ts";
import { restore } from "./restore.ts";
import { findRunning, type RunningProcess } from "./running.ts";
import { settingsOf } from "./settings.ts";
import { planStart, type StartPlan, start } from "./start.ts";
import { stop } from "./stop.ts";

export interface ReachOptions extends ConsentOptions {
  readonly observer: Observer;
  readonly allowMissingLimits?: boolean;
}

/** An environment that runs, and what it runs from, or would be started from. */
export interface Reached {
  readonly environment: Environment;
  readonly running: RunningProcess;
  readonly plan: StartPlan;
  /** Whether it, or its network, was started just now. */
  readonly hasStarted: boolean;
  readonly hasChanged: boolean;
}

/** What a project asks of its environment. */
export function wantedOf(root: string, configuration: Configuration, built: ProjectImage): Wanted {
  const { image, variables } = built;
  return {
    id: environmentId(configuration.name, root, built.platform),
    platform: built.platform,
    image: { digest: image.digest, layers: image.layers.map(({ diffID }) => diffID), variables },
    settings: settingsOf(configuration),
  };
}

/** From what is there, whole or not, to a running environment whose user is known inside. */
export async function reach(
  store: Store,
  root: string,
  configuration: Configuration,
  image: ProjectImage,
  options: ReachOptions,
): Promise<Reached> {
  const { observer } = options;
  const wanted = wantedOf(root, configuration, image);
  const existing = await loadEnvironment(store, root, image.platform);
  const allowMissing = options.allowMissingLimits === true || existing?.state.allowsMissingLimits === true;
  // Before anything is stopped: what could not be started again is to go on.
  const plan = await planStart(store, root, wanted, allowMissing);
  const disk = plan.sandbox.disk === undefined ? undefined : wanted.settings.limits.disk;
  if (existing !== undefined) await checkDisk(existing, disk);
  await observer.settle();
  const consent = await agree(wanted.settings, consentOf(existing), withUserSettings(options));
  const identity = { id: wanted.id, name: configuration.name, project: root, platform: image.platform };
  const environment = existing ?? (await createEnvironment(store, identity));
  const before = await findRunning(environment.directory.path);
  const change = planChange(environment.state, plan);
  const decision = decide(environment.state, before !== undefined, wanted, change?.restart);
  const ownPorts = before === undefined ? [] : (environment.state.start?.settings.ports ?? []);
  if (decision.start)
    await checkPortsFree(
      store,
      wanted.settings,
      ownPorts.map(({ host }) => host),
    );
  // Whatever is cut off from here on, the next command has to look at everything again.
  await removeEntry(store, keyOf(environment.state.id));
  await save(environment, { stamps: undefined, ...consent });
  if (decision.stop.length > 0) {
    observer.note(`${environment.state.name} restarts: ${decision.stop.join("; ")}`);
    await stop(environment);
  }
  if (environment.state.id !== wanted.id || environment.state.project !== root)
    await renameEnvironment(store, environment, identity);
  if (decision.replaceLayer !== undefined)
    observer.note(`${decision.replaceLayer}: new writable layer, onCreate runs again; home and volumes stay`);
  if (decision.replaceLayer !== undefined || environment.state.image === undefined)
    await renewLayer(store, environment, wanted);
  else if (environment.state.image.digest !== wanted.image.digest)
    await save(environment, { image: wanted.image });
  const onStart = configuration.hooks.onStart === undefined ? "none" : "owed";
  if (decision.start) await start(store, environment, plan, onStart, observer);
  const running = await findRunning(environment.directory.path);
  if (running === undefined) throw endedAtOnce(configuration.name);
  if (decision.changeLimits && change !== undefined)
    await changeLimits(environment, running, plan, change, observer);
  const isRestored = !decision.start && (await restore(environment, running, plan, observer));
  await prepare(environment, running, plan.user);
  const hasStarted = decision.start || isRestored;
  return { environment, running, plan, hasStarted, hasChanged: hasStarted || decision.changeLimits };
}

/** A user may have said once for all environments that they may have the host's network. */
function withUserSettings(options: ReachOptions): ReachOptions {
  const { file, values } = readSettings(process.env);
  const { allow = [] } = values;
  if (!Array.isArray(allow) || !allow.every((word) => word === "host-network"))
    throw settingsError(`${file}: "allow" is not ["host-network"]`);
  return allow.length === 0 ? options : { ...options, allowHostNetwork: true };
}

function consentOf(environment: Environment | undefined): Consent {
  const { allowsHostNetwork = false, allowedHostPorts = [] } = environment?.state ?? {};
  return { allowsHostNetwork, allowedHostPorts };
}

/** Throws the writable layer away, or what is there of one, and notes what the next one stands on. */
async function renewLayer(store: Store, environment: Environment, wanted: Wanted): Promise<void> {
  await save(environment, { image: undefined, isPrepared: false, isCreated: false });
  const { id } = environment.state;
  await removePaths(store.root, [`environments/${id}/upper`, `environments/${id}/work`]);
  await save(environment, { image: wanted.image });
}

async function prepare(
  environment: Environment,
  running: RunningProcess,
  user: { uid: number; gid: number },
): Promise<void> {
  if (!environment.state.isPrepared) {
    await addUser({ state: environment.state, running }, user);
    await save(environment, { isPrepared: true });
  }
  if (!environment.state.hasHome) {
    await fillHome({ state: environment.state, running });
    await save(environment, { hasHome: true });
  }
}

function endedAtOnce(name: string): DevenvError {
  return new DevenvError("DEVENV_ENVIRONMENT_GONE", `${name} ended as soon as it had started`, {
    hint: "Somebody stopped it meanwhile, or its memory limit is too low to live with.",
  });
}
