import { randomBytes } from "node:crypto";
import { lstat, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { lockLabel } from "../build/index.ts";
import { DevenvError } from "../errors.ts";

export interface TargetOptions {
  readonly kind: "file" | "directory";
  /** Also replace what was not made by an export; never a directory that is something else than an image. */
  readonly force: boolean;
}

/**
 * Makes a file or directory in one step: `write` gets a path beside it, which takes its name when all is written.
 *
 * @throws DevenvError `DEVENV_EXPORT_EXISTS` when something is there that an export did not make,
 * `DEVENV_WRITE` when it cannot be written.
 */
export async function writeTarget(
  target: string,
  options: TargetOptions,
  write: (path: string) => Promise<void>,
): Promise<void> {
  await checkReplaceable(target, options);
  const mark = randomBytes(6).toString("hex");
  const temporary = join(dirname(target), `.${basename(target)}.${mark}`);
  try {
    await write(temporary);
    // A directory cannot take the place of one that has something in it.
    if (options.kind === "directory") await rename(target, `${temporary}.old`).catch(nothingThere);
    await rename(temporary, target);
  } catch (cause) {
    if (!isWriteError(cause)) throw cause;
    throw new DevenvError("DEVENV_WRITE", `${target}: cannot be written`, { cause });
  } finally {
    for (const path of [temporary, `${temporary}.old`]) await rm(path, { recursive: true, force: true });
  }
}

/** What the system answered, as opposed to what went wrong with the image. */
export function isWriteError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && !(error instanceof DevenvError);
}

async function checkReplaceable(target: string, { force, kind }: TargetOptions): Promise<void> {
  const status = await lstat(target).catch(nothingThere);
  if (status === undefined) return;
  const refuse = (found: string, hint: string) =>
    new DevenvError("DEVENV_EXPORT_EXISTS", `${target}: ${found}`, { hint, usage: true });
  const elsewhere = "Say --output with another path.";
  if (kind === "directory") {
    if (!status.isDirectory()) throw refuse("is there and no directory", elsewhere);
    const names = await readdir(target);
    if (names.length === 0) return;
    if (!names.includes("oci-layout")) throw refuse("has other files in it than an image", elsewhere);
    const index = await readFile(join(target, "index.json"), "utf8").catch(() => "");
    if (force || index.includes(lockLabel)) return;
  } else {
    if (!status.isFile()) throw refuse("is there and no plain file", elsewhere);
    const start = await firstBytes(target);
    if (force || (start.startsWith("index.json\0") && start.includes(lockLabel))) return;
  }
  throw refuse("is there, and `devenv export` did not make it", "--force replaces it.");
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8192), 0, 8192, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function nothingThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
