import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readTemporaryName } from "../temporary-name.ts";

/** Something temporary in the store whose writer is gone. */
export interface Leftover {
  readonly path: string;
  readonly label: string;
}

/** Where files are replaced: next to them stands, for a moment, a hidden one with the new content. */
const writtenTo = [
  "blobs/sha256",
  "blobs/sha512",
  "compressed",
  "elf",
  "entries",
  "facts",
  "images",
  "indexes",
  "projects",
  "steps",
];

/** What killed processes left in the store. A writer counts as alive when that cannot be told. */
export async function findLeftovers(store: { readonly root: string }): Promise<Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const path of await candidates(store.root)) {
    const temporary = await readTemporaryName(basename(path));
    if (temporary?.writer === "gone") leftovers.push({ path, label: temporary.label });
  }
  return leftovers;
}

async function candidates(root: string): Promise<string[]> {
  const environments = (await namesIn(join(root, "environments"))).map((name) => `environments/${name}`);
  const [visible, hidden] = await Promise.all([
    pathsIn(root, ["tmp", "layers"]),
    pathsIn(root, [...writtenTo, ...environments]),
  ]);
  return [...visible, ...hidden.filter((path) => basename(path).startsWith("."))];
}

async function pathsIn(root: string, directories: readonly string[]): Promise<string[]> {
  const names = await Promise.all(directories.map((directory) => namesIn(join(root, directory))));
  return directories.flatMap((directory, index) =>
    (names[index] ?? []).map((name) => join(root, directory, name)),
  );
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
