import { dirname } from "node:path";
import type { InputFile } from "../lock/index.ts";
import { shellWord } from "./scripts.ts";

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

/** The directories that hold some files, parents first. */
export function directoriesOf(files: readonly InputFile[]): string[] {
  const all = new Set<string>();
  for (const { path } of files)
    for (let directory = dirname(path); directory !== "."; directory = dirname(directory)) all.add(directory);
  return [...all].sort();
}
