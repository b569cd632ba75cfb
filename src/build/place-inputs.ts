import { chmod, copyFile, constants as fs, lutimes, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { DevenvError } from "../errors.ts";
import type { InputFile, LockedCommand } from "../lock/index.ts";
import { digestOfFile, readInputs } from "./inputs.ts";
import { directoriesOf } from "./place-script.ts";

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

function changed(name: string, what: string): DevenvError {
  return new DevenvError(
    "DEVENV_INPUT_CHANGED",
    `step ${JSON.stringify(name)}: ${what} is not what it was a moment ago, when it was locked`,
    { hint: "Something writes to it. Run the command again when that has ended." },
  );
}
