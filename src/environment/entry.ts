import { chmod, rm } from "node:fs/promises";
import type { Configuration } from "../config/index.ts";
import { writeFileAtomic } from "../files.ts";
import { encodeWords, identityMap, startWords } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { entryFile } from "./directory.ts";
import { insideVariables, loginShell } from "./inside.ts";
import { hasWatcher, networkFile } from "./network.ts";
import { pidFilePrefix } from "./running.ts";
import { type FileStamp, stampOf } from "./stamp.ts";
import { environmentPlan, type StartPlan } from "./start.ts";
import type { EnvironmentState } from "./state.ts";

/** Files of the host that a plan is made from, with their stamps of that time. */
export type Sources = readonly (readonly [file: string, stamp: FileStamp | undefined])[];

/** Everything that the launcher is to know of an environment; plain data. */
export interface EntryFacts {
  readonly state: EnvironmentState;
  readonly configuration: Pick<Configuration, "hooks" | "tasks">;
  /** The environment's own. */
  readonly directory: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly sources: Sources;
  /** Words of the sandbox program's verb `run`. */
  readonly plan: readonly string[];
  /** The control groups that it makes. */
  readonly groups: readonly string[];
}

/** The stamps of what a plan is made from, to be taken before it is made. */
export async function takeSources(): Promise<Sources> {
  const helpers = ["/usr/bin/pasta", "/usr/bin/slirp4netns"];
  const files = ["/etc/hosts", "/etc/resolv.conf", "/etc/subuid", "/etc/subgid", ...helpers];
  return await Promise.all(files.map(async (file) => [file, await stampOf(file)] as const));
}

/**
 * Writes down what the launcher needs to enter the environment of a project, and to start it again. It has to be as
 * configuration and lock ask for.
 */
export async function writeEntry(
  store: Store,
  key: string,
  place: string,
  {
    state,
    configuration,
    start,
    sources,
  }: Pick<EntryFacts, "state" | "configuration" | "sources"> & {
    readonly start: StartPlan;
  },
): Promise<void> {
  const words = entryWords({
    state,
    configuration,
    directory: place,
    user: start.user,
    sources,
    plan: startWords(environmentPlan(start, place), await identityMap()),
    groups: start.sandbox.controlGroups?.join ?? [],
  });
  const file = entryFile(store, key);
  await writeFileAtomic(file, encodeWords(words));
  await chmod(file, 0o600);
}

/** To be called before anything of what is written there changes. */
export async function removeEntry(store: Pick<Store, "root">, key: string): Promise<void> {
  await rm(entryFile(store, key), { force: true });
}

/** The words of an entry file; native/lib/entry.h describes them. */
export function entryWords(facts: EntryFacts): string[] {
  const { state, configuration, user, sources } = facts;
  const { name, project, start, stamps, image } = state;
  if (start === undefined || stamps === undefined)
    throw new Error(`Assertion failed: ${name} was not brought up`);
  const { hooks, tasks } = configuration;
  // What runs may be in a group whose limit was lifted meanwhile, and that the next start does not make. Whoever starts
  // in a slice has to tell systemd its limits before.
  const isSame = start.cgroups.every((group) => facts.groups.includes(group));
  const isWhole = start.slice === undefined && start.missingLimits.length === 0 && isSame;
  const canStart = hooks.onStart === undefined && isWhole;
  const variables = insideVariables(name, start.settings.env, image?.variables);
  return [
    "devenv-entry-1",
    ...["name", name],
    ...["project", project],
    ...["configuration", stampText(stamps.configuration)],
    ...["lock", stampText(stamps.lock)],
    ...["pid-file", pidFilePrefix(facts.directory)],
    ...["uid", String(user.uid)],
    ...["gid", String(user.gid)],
    ...["network", start.settings.network],
    ...(hasWatcher(start.settings) ? ["network-file", networkFile(facts.directory)] : []),
    ...start.cgroups.flatMap((directory) => ["group", directory]),
    ...(start.slice === undefined ? [] : ["manager", start.slice.runtime, "slice", start.slice.name]),
    ...(hooks.onEnter === undefined ? [] : ["on-enter", hooks.onEnter]),
    ...loginShell.flatMap((word) => ["login", word]),
    ...variables.flatMap(({ isCallers, ...variable }) => {
      const value = variable.value === undefined ? "" : `=${variable.value}`;
      return ["variable", `${isCallers ? "?" : "="}${variable.name}${value}`];
    }),
    ...Object.entries(tasks).flatMap(([task, command]) => ["task", `${task}=${command}`]),
    ...["start", canStart ? "yes" : "no"],
    ...sources.flatMap(([file, stamp]) => [
      "source",
      `${file}=${stamp === undefined ? "" : stampText(stamp)}`,
    ]),
    ...Object.entries(stamps.inputs?.files ?? {}).flatMap(([file, stamp]) => ["input", `${file}=${stamp}`]),
    ...(stamps.inputs?.hasPatterns === true ? ["patterns", "yes"] : []),
    "plan",
    ...facts.plan,
  ];
}

function stampText({ device, inode, modified, size }: FileStamp): string {
  return `${device} ${inode} ${modified} ${size}`;
}
