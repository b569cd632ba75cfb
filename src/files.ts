import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DevenvError } from "./errors.ts";
import { temporaryName } from "./temporary-name.ts";

/**
 * Replaces a file in one step: whoever reads it, even after a crash, sees the old content or the new, whole. The mode
 * of a file that is there already is kept; a new one gets 0644 less the umask. A kill may leave a hidden file beside it,
 * whose name says whose it was.
 *
 * @throws DevenvError `DEVENV_WRITE` when the file cannot be written; the old content is then untouched.
 */
export async function writeFileAtomic(file: string, data: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(file), `.${await temporaryName("write")}`);
  try {
    const handle = await open(temporary, "wx", await modeOf(file));
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new DevenvError("DEVENV_WRITE", `${file}: cannot be written`, { cause });
  }
  await syncPath(dirname(file));
}

async function modeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).mode & 0o777;
  } catch {
    return 0o644;
  }
}

/** Waits until a file, or the list of names in a directory, is on disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
