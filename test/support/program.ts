import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const bundle = resolve(import.meta.dirname, "../../dist/devenv.mjs");

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built program as a user would, in a directory. */
export function devenv(directory: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bundle, ...words], {
    cwd: directory,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return { code: status, out: stdout, err: stderr };
}
