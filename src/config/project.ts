import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DevenvError } from "../errors.ts";

/** Where a project stands. */
export interface Project {
  readonly root: string;
  readonly configFile: string;
  readonly lockFile: string;
}

/** Finds the project that a directory belongs to: the nearest `devenv.jsonc` at or above it. */
export async function findProject(startDir: string): Promise<Project> {
  const start = resolve(startDir);
  for (let root = start; ; root = dirname(root)) {
    const configFile = join(root, "devenv.jsonc");
    if (await isFile(configFile)) return { root, configFile, lockFile: join(root, "devenv.lock") };
    if (root === dirname(root)) break;
  }
  throw new DevenvError("DEVENV_NO_PROJECT", `${start}: no devenv.jsonc here or in a directory above`, {
    usage: true,
    hint: "`devenv init` writes one.",
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new DevenvError("DEVENV_CONFIG_UNREADABLE", `${path}: cannot be read`, {
      cause: error,
      usage: true,
    });
  }
}
