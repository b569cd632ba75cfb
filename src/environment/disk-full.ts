import { readFile, realpath, statfs } from "node:fs/promises";
import { DevenvError } from "../errors.ts";
import type { Store } from "../store/index.ts";
import { formatMebibytes } from "./tell-progress.ts";

/**
 * The error as it is told when it comes of a full file system under the store, whoever noticed that first: a download, the
 * sandbox, a package's script. Others come back as they are, also that a file elsewhere cannot be written.
 */
export async function explainFullDisk(store: Store, error: unknown): Promise<unknown> {
  const isTold = error instanceof DevenvError && error.code === "DEVENV_DISK_FULL";
  if (isTold || !isFull(error) || isElsewhere(store, error)) return error;
  const said = error instanceof DevenvError ? `\n  ${error.message}` : "";
  const place = await describePlace(store.root);
  return new DevenvError("DEVENV_DISK_FULL", `${store.root}: no space left on device: ${place}${said}`, {
    hint: "Free some there, or set DEVENV_STORE to a directory on a larger one: `devenv gc --all --dry-run` says what the store itself can do without. Nothing was lost: the same command goes on from what is done.",
    cause: error,
  });
}

function isFull(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (/^(ENOSPC|EDQUOT)$/.test(String((one as NodeJS.ErrnoException).code))) return true;
    if (/no space left on device|disk quota exceeded/i.test(one.message)) return true;
  }
  return false;
}

function isElsewhere({ root }: Store, error: unknown): boolean {
  return error instanceof DevenvError && error.code === "DEVENV_WRITE" && !error.message.includes(root);
}

/** What is free by now: what was half made is removed already. */
async function describePlace(root: string): Promise<string> {
  const [{ bavail, blocks, bsize, ffree, files }, mount] = await Promise.all([statfs(root), mountOf(root)]);
  const name = mount === undefined ? "the file system" : `the file system at ${mount.point} (${mount.type})`;
  if (files > 0 && ffree === 0) return `${name} has none of ${files} inodes free`;
  const [free, all] = [bavail, blocks].map((count) => formatMebibytes(count * bsize));
  return `${name} has ${free} of ${all} MiB free, and more is needed`;
}

/** The mount that a path lies on: proc_pid_mountinfo(5), the last of those with the longest path. */
async function mountOf(path: string): Promise<{ point: string; type: string } | undefined> {
  const [text, real] = await Promise.all([
    readFile("/proc/self/mountinfo", "utf8").catch(() => ""),
    realpath(path),
  ]);
  let found: { point: string; type: string } | undefined;
  for (const line of text.split("\n")) {
    const point = line.split(" ")[4]?.replaceAll("\\040", " ");
    const type = / - (\S+)/.exec(line)?.[1];
    if (point === undefined || type === undefined) continue;
    const isAbove = real === point || real.startsWith(point === "/" ? "/" : `${point}/`);
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, type };
  }
  return found;
}
