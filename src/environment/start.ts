import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { isDebugging } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import {
  blockDevicesOf,
  type EnvironmentPlan,
  findEmulator,
  identityMap,
  type LimitsSubject,
  type MissingLimit,
  planLimits,
  removeControlGroups,
  type SandboxPlan,
  startEnvironment,
  viewGroups,
} from "../sandbox/index.ts";
import { planWords } from "../sandbox/plan.ts";
import type { Store } from "../store/index.ts";
import type { Wanted } from "./decide.ts";
import { environmentDirectory, makeDirectories } from "./directory.ts";
import { prepareDisk } from "./disk.ts";
import { type Environment, save } from "./environment.ts";
import { findHelper, planNetwork, resolverFile } from "./network.ts";
import type { Observer } from "./observer.ts";
import { mountOperations } from "./plan.ts";
import { portTaken } from "./port-holder.ts";
import { pidFilePrefix } from "./running.ts";
import type { StartRecord, StartSettings } from "./state.ts";
import { grace } from "./stop.ts";

/** Everything that a start does, decided. */
export interface StartPlan {
  readonly sandbox: SandboxPlan;
  readonly settings: StartSettings;
  /** Whose limits these are, for a change of them. */
  readonly subject: LimitsSubject;
  readonly missingLimits: readonly MissingLimit[];
  readonly allowsMissingLimits: boolean;
  /** Ids of the user inside. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/**
 * Decides everything about a start, and does nothing.
 *
 * @throws DevenvError `DEVENV_EMULATOR` when nothing here runs programs of the platform, `DEVENV_LIMIT_UNAVAILABLE` when the host cannot enforce a limit and nobody agreed to that,
 *   `DEVENV_NETWORK_HELPER` when it has none for a private network.
 */
export async function planStart(
  store: Store,
  project: string,
  wanted: Wanted,
  allowMissingLimits: boolean,
): Promise<StartPlan> {
  const { id, image, platform, settings } = wanted;
  const directory = environmentDirectory(store, id);
  const { user } = await identityMap();
  const subject = { id, disks: blockDevicesOf([store.root, project]) };
  const limits = planLimits(settings.limits, subject);
  if (limits.missing.length > 0 && !allowMissingLimits) throw limitUnavailable(limits.missing);
  const hasDisk = settings.limits.disk !== undefined && !limits.missing.some(({ limit }) => limit === "disk");
  const below = (path: string): string => relative(store.root, path);
  const place = hasDisk ? directory.diskPlace : directory.path;
  const resolver = await textOrNothing("/etc/resolv.conf");
  const helper = settings.network === "private" ? await findHelper(process.env["PATH"] ?? "") : undefined;
  const networkPlan = planNetwork(settings, directory.path, helper, {
    isRoot: process.getuid?.() === 0,
    resolver,
  });
  const operations = mountOperations({
    settings,
    project,
    home: directory.home,
    disk: hasDisk ? below(place) : undefined,
    volume: directory.volume,
    user,
    hosts: await textOrNothing("/etc/hosts"),
    hasResolver: (await stat("/etc/resolv.conf").catch(() => undefined)) !== undefined,
    ...(helper === undefined ? {} : { resolver: resolverFile(resolver, helper) }),
  });
  return {
    sandbox: {
      store: store.root,
      root: {
        layers: image.layers.map((diffID) => `layers/${diffID.replace("sha256:", "")}`),
        upper: below(join(place, "upper")),
        work: below(join(place, "work")),
      },
      ...(hasDisk ? { disk: { image: below(directory.disk), place: below(directory.diskPlace) } } : {}),
      operations,
      hostname: settings.name,
      network: settings.network,
      ...(networkPlan === undefined ? {} : { networkPlan }),
      controlGroups: limits.plan,
      emulator: await findEmulator(platform),
      groupViews: viewGroups(limits.plan),
    },
    settings,
    subject,
    missingLimits: limits.missing,
    allowsMissingLimits: allowMissingLimits,
    user,
  };
}

/** Starts an environment that does not run, and writes down with what. */
export async function start(
  store: Store,
  environment: Environment,
  plan: StartPlan,
  onStart: StartRecord["onStart"],
  observer: Observer,
): Promise<void> {
  const { allowsMissingLimits, missingLimits, sandbox, settings } = plan;
  const { path } = environment.directory;
  for (const { limit, reason } of missingLimits)
    observer.note(`the limit "${limit}" is not enforced: ${reason}`);
  if (sandbox.emulator !== undefined)
    observer.note(
      `${settings.name} is of another processor: what runs inside is emulated, some ten times slower`,
    );
  if (isDebugging("plan")) observer.note(formatPlan(plan));
  observer.begin(`starting ${settings.name}`);
  const groups = sandbox.controlGroups?.join ?? [];
  // Groups that a killed environment left behind may hold limits of another time.
  await removeControlGroups(groups);
  if (sandbox.disk !== undefined) {
    await prepareDisk(environment.directory, settings.limits.disk ?? 0);
  } else {
    await makeDirectories(
      environment.directory,
      settings.mounts.map(({ volume }) => volume),
    );
  }
  await removePidFiles(path);
  const slice = sandbox.controlGroups?.slice;
  const record: StartRecord = {
    settings,
    cgroups: groups,
    ...(slice === undefined
      ? {}
      : { slice: { name: slice.name, directory: slice.directory, runtime: slice.runtime } }),
    missingLimits: missingLimits.map(({ limit, reason }) => ({ limit, reason })),
    onStart,
  };
  await save(environment, { start: record, allowsMissingLimits });
  // A writable layer on a disk of its own can be removed there only, by the sandbox.
  const renew = sandbox.disk !== undefined && !environment.state.isPrepared;
  const { root, ...rest } = environmentPlan(plan, path);
  try {
    await startEnvironment({ ...rest, root: renew ? { ...root, renew } : root });
  } catch (error) {
    const port =
      error instanceof DevenvError && error.code === "DEVENV_PORT_TAKEN" ? /\d+/.exec(error.message) : null;
    throw port === null ? error : await portTaken(store, Number(port[0]));
  }
  observer.end();
}

/** What the sandbox is told: the plan, and where the environment in this directory is written down. */
export function environmentPlan({ sandbox }: StartPlan, directory: string): EnvironmentPlan {
  return { ...sandbox, pidFile: pidFilePrefix(directory), grace };
}

/** The plan as people read it: one option of the sandbox program a line. */
export function formatPlan(plan: StartPlan): string {
  const lines: string[] = [];
  for (const word of planWords(plan.sandbox)) {
    if (word.startsWith("--")) lines.push(word);
    else lines.push(`${lines.pop() ?? ""} ${/^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word)}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Those of earlier starts, which are over, and of earlier boots. */
async function removePidFiles(directory: string): Promise<void> {
  const files = (await readdir(directory)).map((name) => join(directory, name));
  const ours = files.filter((file) => file.startsWith(pidFilePrefix(directory)));
  await Promise.all(ours.map((file) => rm(file, { force: true })));
}

function limitUnavailable(missing: readonly MissingLimit[]): DevenvError {
  const lines = missing.map(({ limit, reason }) => `the limit "${limit}" cannot be enforced here: ${reason}`);
  const remedies = [...new Set(missing.flatMap(({ remedy }) => remedy))].map((line) => `  ${line}`);
  return new DevenvError("DEVENV_LIMIT_UNAVAILABLE", lines.join("\n"), {
    hint: [
      ...(remedies.length === 0 ? [] : ["As root:", ...remedies]),
      "Or do without: --allow-missing-limits",
    ].join("\n"),
  });
}

async function textOrNothing(file: string): Promise<string> {
  return await readFile(file, "utf8").catch(() => "");
}
