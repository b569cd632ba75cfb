import { readFile, realpath, stat } from "node:fs/promises";
import type { Configuration, Project } from "../config/index.ts";
import { writeFileAtomic } from "../files.ts";
import {
  canonicalJson,
  changedCommands,
  type Digest,
  type InputFile,
  type InputTrees,
  type Lock,
  type LockedCommand,
  type LockedLayer,
  type LockedPlatform,
  type Platform,
} from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { configuredVariables } from "./configured-variables.ts";

/**
 * The commands of a configuration as a lock holds them, with the digests that their inputs have now. What the digests
 * stand for is kept in the store, so that a later change can be told by the names of files.
 *
 * @throws what reading the inputs throws: `DEVENV_INPUT_MISSING` and others.
 */
export async function readCommands(
  store: Store,
  project: Project,
  { asOf, layers }: Configuration,
): Promise<readonly LockedCommand[]> {
  if (layers.length === 0) return [];
  const { readInputs } = await import("../build/inputs.ts");
  const root = await realpath(project.root);
  const commands: LockedCommand[] = [];
  for (const [index, { env, inputs, name, network, run }] of layers.entries()) {
    const trees = await readInputs(root, inputs, `layers[${index}]`);
    for (const { digest, files, pattern, text } of trees)
      if (files.length > 1 || files[0]?.path !== pattern) await keepText(store, digest, text);
    const digests = Object.fromEntries(trees.map(({ digest, pattern }) => [pattern, digest]));
    // Only what has a network finds anything that is newer than the day.
    const own = network ? configuredVariables({ asOf, env }) : env;
    commands.push({ name, run, inputs: digests, env: own, ...(network ? { network } : {}) });
  }
  return commands;
}

/** The lock with these commands on all platforms. */
export function withCommands(lock: Lock, commands: readonly LockedCommand[]): Lock {
  const platforms = Object.entries(lock.platforms) as [Platform, LockedPlatform][];
  return {
    ...lock,
    platforms: Object.fromEntries(
      platforms.map(([platform, { layers: _, ...locked }]) => [
        platform,
        commands.length === 0 ? locked : { ...locked, layers: commands },
      ]),
    ),
  };
}

/** In what the commands of a lock are not these, one line each; empty when they are. */
export async function commandDifferences(
  store: Store,
  lock: Lock,
  commands: readonly LockedCommand[],
): Promise<string[]> {
  const all = Object.values(lock.platforms).map(({ layers = [] }) => layers);
  const others = all.filter((layers) => canonicalJson(layers) !== canonicalJson(commands));
  if (others.length === 0) return [];
  const trees = await readTrees(store, [...others.flat(), ...commands]);
  return [...new Set(others.flatMap((layers) => changedCommands(layers, commands, trees)))];
}

/**
 * The layers that a platform's last build recorded and that are still right when nothing but these commands replaces
 * those of the lock, the lowest first.
 */
export function stillRight(locked: LockedPlatform, commands: readonly LockedCommand[]): LockedLayer[] {
  const { built, image, layers: before = [] } = locked;
  const recorded = image?.layers ?? built ?? [];
  const changed = before.findIndex((command, index) => !isSameCommand(command, commands[index]));
  const kept = changed < 0 ? before.length : changed;
  let seen = 0;
  return recorded
    .filter(({ step }) => step !== "layer" || seen++ < kept)
    .map((layer) => {
      if (layer.step !== "layer") return layer;
      const index = recorded.filter(({ step }) => step === "layer").indexOf(layer);
      return { ...layer, name: commands[index]?.name ?? layer.name ?? "" };
    });
}

/** What the digests of these commands' inputs stand for, as far as this store knows it. */
export async function readTrees(store: Store, commands: readonly LockedCommand[]): Promise<InputTrees> {
  const digests = new Set(commands.flatMap(({ inputs }) => Object.values(inputs)));
  const trees = new Map<Digest, readonly InputFile[]>();
  for (const digest of digests) {
    const text = await readFile(treePath(store, digest), "utf8").catch(() => undefined);
    if (text !== undefined) trees.set(digest, JSON.parse(text) as InputFile[]);
  }
  return trees;
}

/** A name says nothing about the result. */
function isSameCommand(a: LockedCommand, b: LockedCommand | undefined): boolean {
  if (b === undefined) return false;
  const [{ name: _, ...one }, { name: __, ...other }] = [a, b];
  return canonicalJson(one) === canonicalJson(other);
}

async function keepText(store: Store, digest: Digest, text: string): Promise<void> {
  const file = treePath(store, digest);
  if ((await stat(file).catch(() => undefined)) === undefined) await writeFileAtomic(file, text);
}

function treePath(store: Store, digest: Digest): string {
  return store.blobPath(digest.replace("sha256:", ""));
}
