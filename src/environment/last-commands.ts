import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import {
  canonicalJson,
  changesOf,
  type Digest,
  type LockedCommand,
  type LockedImage,
  type LockedPlatform,
} from "../lock/index.ts";
import { noteUse, type Store } from "../store/index.ts";
import { projectKey } from "./identity.ts";
import { readTrees } from "./lock-commands.ts";

/** A command as the last build of a project on this machine ran it. */
interface LastCommand {
  readonly command: LockedCommand;
  readonly cacheKey: Digest;
}

/** Where the whole output of a failed command is, by its place in the configuration. */
export function logFile(store: Store, root: string, index: number): string {
  return fileOf(store, root, `-layer-${index + 1}.log`);
}

/** Notes what a build that came to its end ran, so that the next one can say why it runs something again. */
export async function noteCommands(
  store: Store,
  root: string,
  { layers: commands = [] }: LockedPlatform,
  image: LockedImage,
): Promise<void> {
  if (commands.length === 0) return;
  const built = image.layers.filter(({ step }) => step === "layer");
  const last = commands.map((command, index) => ({ command, cacheKey: built[index]?.cacheKey }));
  const text = `${canonicalJson(last)}\n`;
  const file = fileOf(store, root, ".json");
  const isSame = (await readFile(file, "utf8").catch(() => "")) === text;
  if (!isSame || !(await noteUse(store, [file]))[0]) await writeFileAtomic(file, text);
}

/** Why a command is run again that an earlier build ran, in clauses; undefined where that is not known. */
export async function reasonToRun(
  store: Store,
  root: string,
  { cacheKey, command }: LastCommand,
): Promise<string | undefined> {
  const last = (await readLast(store, root)).find((one) => one.command.name === command.name);
  if (last === undefined) return undefined;
  const trees = await readTrees(store, [last.command, command]);
  const changes = changesOf(last.command, command, trees);
  if (changes.length > 0) return changes.join("; ");
  return last.cacheKey === cacheKey
    ? "what it gave is not in the store any more"
    : "what is below it changed";
}

/** Only this program writes there; what cannot be read tells nothing. */
async function readLast(store: Store, root: string): Promise<readonly LastCommand[]> {
  try {
    const last: unknown = JSON.parse(await readFile(fileOf(store, root, ".json"), "utf8"));
    return Array.isArray(last) ? (last as LastCommand[]) : [];
  } catch {
    return [];
  }
}

function fileOf(store: Store, root: string, end: string): string {
  return join(store.root, "projects", `${projectKey(root)}${end}`);
}
