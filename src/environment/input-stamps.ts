import { lstat } from "node:fs/promises";
import { join } from "node:path";

/** Tells without reading whether the inputs of a project's layers are still what they were. */
export interface InputStamps {
  /** By absolute path; empty for one that is not there. */
  readonly files: Readonly<Record<string, string>>;
  /** That there are directories or patterns among them: what these stand for only a walk can tell. */
  readonly hasPatterns: boolean;
}

/**
 * The stamps of the inputs at present; undefined when there are none.
 *
 * @param root real path of the project.
 */
export async function takeInputStamps(
  root: string,
  layers: readonly { readonly inputs: readonly string[] }[],
): Promise<InputStamps | undefined> {
  const names = [...new Set(layers.flatMap(({ inputs }) => inputs))];
  if (names.length === 0) return undefined;
  const files: Record<string, string> = {};
  let hasPatterns = false;
  for (const name of names) {
    const file = join(root, name);
    const status = await lstat(file).catch(() => undefined);
    if (status === undefined || status.isDirectory()) hasPatterns = true;
    else files[file] = await inputStamp(file);
  }
  return { files, hasPatterns };
}

/** Whether nothing can have changed; with patterns that is not known. */
export async function areInputsCurrent(stamps: InputStamps | undefined): Promise<boolean> {
  if (stamps === undefined) return true;
  if (stamps.hasPatterns) return false;
  for (const [file, stamp] of Object.entries(stamps.files))
    if ((await inputStamp(file)) !== stamp) return false;
  return true;
}

/** Device, inode, time of change of the content, size and mode, of the link itself where it is one; as the launcher has it. */
async function inputStamp(file: string): Promise<string> {
  try {
    const { dev, ino, mode, mtimeNs, size } = await lstat(file, { bigint: true });
    return `${dev} ${ino} ${mtimeNs} ${size} ${mode}`;
  } catch {
    return "";
  }
}
