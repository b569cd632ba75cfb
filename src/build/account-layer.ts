import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import type { AccountFiles } from "./account-files.ts";
import type { OutgoingLayer } from "./layer-archive.ts";

/** The user of an image that runs elsewhere, and what is theirs. */
export interface Account {
  readonly name: string;
  /** User and group. */
  readonly id: number;
  readonly shell: string;
  /** Absolute paths of directories that belong to them; the first is their home. */
  readonly directories: readonly [string, ...string[]];
}

/**
 * The uppermost layer of an image that runs elsewhere: what `up` gives an environment in its writable layer. The user
 * is known by name, before others of the same number, and has a home and a place for the project.
 */
export async function accountLayer(
  account: Account,
  files: AccountFiles | undefined,
  epoch: number,
): Promise<OutgoingLayer> {
  const { name, id, shell, directories } = account;
  const archive = pack();
  const owner = { uid: id, gid: id };
  const mtime = new Date(epoch * 1000);
  const add = (path: string, text: string): void => {
    archive.entry({ name: path, mode: 0o644, mtime }, text);
  };
  const first = `${name}:x:${id}:`;
  if (files !== undefined && !knows(files.group, name)) add("etc/group", `${first}\n${files.group}`);
  if (files !== undefined && !knows(files.passwd, name))
    add("etc/passwd", `${first}${id}::${directories[0]}:${shell}\n${files.passwd}`);
  for (const path of withParents(directories)) {
    const isTheirs = directories.includes(path);
    const header = { name: `${path.slice(1)}/`, type: "directory", mode: 0o755, mtime } as const;
    archive.entry(isTheirs ? { ...header, ...owner } : header);
  }
  archive.finalize();
  const bytes = await buffer(archive);
  const diffID = `sha256:${createHash("sha256").update(bytes).digest("hex")}` as const;
  return {
    step: "account",
    diffID,
    size: bytes.length,
    open: () => Readable.from([bytes], { objectMode: false }),
  };
}

function knows(file: string, name: string): boolean {
  return file.split("\n").some((line) => line.startsWith(`${name}:`));
}

/** Each path once, those above it first. */
function withParents(paths: readonly string[]): string[] {
  const all = paths.flatMap((path) => {
    const names = path.slice(1).split("/");
    return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
  });
  return [...new Set(all)].sort();
}
