import { chmod, copyFile, constants as fs, lutimes, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DevenvError } from "../errors.ts";
import type { InputFile, LockedCommand } from "../lock/index.ts";
import { digestOfFile, readInputs } from "./inputs.ts";
import { shellWord } from "./scripts.ts";

/** Where copies of inputs come from and go to. */
export interface PlaceOptions {
  /** Real path of the project. */
  readonly root: string;
  /** An empty directory. */
  readonly target: string;
  /** Seconds since 1970: the time of every file. */
  readonly epoch: number;
  /** Of the command in the configuration, for messages. */
  readonly place: string;
}

/**
 * Copies the inputs of a command, which have to be those that the lock knows.
 *
 * @returns the files, sorted by path.
 * @throws DevenvError `DEVENV_INPUT_CHANGED` when a file is not what it was when it was locked.
 */
export async function placeInputs(
  { inputs, name }: LockedCommand,
  { epoch, place, root, target }: PlaceOptions,
): Promise<InputFile[]> {
  const trees = await readInputs(root, Object.keys(inputs), place);
  for (const { digest, pattern } of trees) if (digest !== inputs[pattern]) throw changed(name, pattern);
  const files = new Map(trees.flatMap(({ files }) => files.map((file) => [file.path, file] as const)));
  const sorted = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const directory of directoriesOf(sorted)) await mkdir(join(target, directory), { recursive: true });
  for (const file of sorted) {
    const copy = join(target, file.path);
    if (file.kind === "link") await symlink(file.target, copy);
    else {
      await copyFile(join(root, file.path), copy, fs.COPYFILE_FICLONE);
      await chmod(copy, file.executable ? 0o755 : 0o644);
      if ((await digestOfFile(copy)) !== file.digest) throw changed(name, file.path);
    }
    await lutimes(copy, epoch, epoch);
  }
  return sorted;
}

/** As many files are given to one cp(1). */
const filesAtOnce = 100;

/**
 * Commands of a shell in an empty directory that fill it with copies, owned by root, always in the same order: programs
 * that do not sort what they find in a directory find the same then.
 *
 * @param source directory that holds the files, absolute.
 */
export function placeScript(files: readonly InputFile[], source: string, epoch: number): string[] {
  if (files.length === 0) return [];
  const directories = directoriesOf(files);
  const groups = new Map<string, string[]>();
  for (const { path } of files) {
    const directory = dirname(path);
    groups.set(directory, [...(groups.get(directory) ?? []), path]);
  }
  // touch(1) of every system knows this form.
  const time = new Date(epoch * 1000)
    .toISOString()
    .replace(/[-T:]|Z$/g, "")
    .slice(0, 14);
  const stamp = `${time.slice(0, 12)}.${time.slice(12)}`;
  return [
    ...directories.map((directory) => `mkdir ${shellWord(`./${directory}`)}`),
    ...[...groups].flatMap(([directory, paths]) =>
      chunks(paths).map((chunk) => {
        const sources = chunk.map((path) => shellWord(`${source}/${path}`));
        return `cp -pP ${sources.join(" ")} ${shellWord(`./${directory}/`)}`;
      }),
    ),
    "chown -hR 0:0 .",
    ...chunks([...directories].reverse()).map(
      (chunk) => `touch -t ${stamp} ${chunk.map((directory) => shellWord(`./${directory}`)).join(" ")}`,
    ),
    `touch -t ${stamp} .`,
  ];
}

function chunks(items: readonly string[]): string[][] {
  const count = Math.ceil(items.length / filesAtOnce);
  return Array.from({ length: count }, (_, i) => items.slice(i * filesAtOnce, (i + 1) * filesAtOnce));
}

/** Parents first. */
function directoriesOf(files: readonly InputFile[]): string[] {
  const all = new Set<string>();
  for (const { path } of files)
    for (let directory = dirname(path); directory !== "."; directory = dirname(directory)) all.add(directory);
  return [...all].sort();
}

function changed(name: string, what: string): DevenvError {
  return new DevenvError(
    "DEVENV_INPUT_CHANGED",
    `step ${JSON.stringify(name)}: ${what} is not what it was a moment ago, when it was locked`,
    { hint: "Something writes to it. Run the command again when that has ended." },
  );
}
