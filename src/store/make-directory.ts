import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a private directory and those above it where they are missing. As mkdir() of Node with `recursive`, which never
 * ends where the kernel says ENOENT although the directory above is there: below /proc.
 *
 * @throws the error of the system
 */
export async function makeDirectory(path: string): Promise<void> {
  const error = await attempt(path);
  if (error === undefined) return;
  if (error.code !== "ENOENT") throw error;
  await makeDirectory(dirname(path));
  const again = await attempt(path);
  if (again !== undefined) throw again;
}

/** Resolves to the error when there is no such directory then. */
async function attempt(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return undefined;
  } catch (error) {
    const isThere = (await stat(path).catch(() => undefined))?.isDirectory() === true;
    return isThere ? undefined : (error as NodeJS.ErrnoException);
  }
}
