import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type Side } from "./measure.ts";

/** Where the comparisons work: the program, and a directory that is removed at the end. */
export interface Bench {
  readonly program: string;
  readonly directory: string;
  /** Removes what is in a store, which may hold files of subordinate ids. */
  readonly emptyStore: (store: string) => Promise<void>;
}

export const suite = "bookworm";

/** A directory with a configuration for this machine's platform. */
export function projectOf(bench: Bench, name: string, configuration: object): string {
  const project = join(bench.directory, name);
  mkdirSync(project);
  const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
  const whole = {
    name,
    base: `bootstrap:debian/${suite}`,
    platforms: [`linux/${architecture}`],
    ...configuration,
  };
  writeFileSync(join(project, "devenv.jsonc"), JSON.stringify(whole));
  return project;
}

/**
 * What earlier runs wrote is on disk, and for five seconds nothing was removed, during which ext4 searches long for
 * inodes that were not just deleted: neither says anything about who comes next.
 */
export function settle(): void {
  command(["sync"]);
  command(["sleep", "6"]);
}

/** The side, or what to install to have it. */
export function withProgram(name: string, program: string, side: Side): Side | string {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return side;
  } catch {
    return `${side.name}: not there, install ${name}`;
  }
}
