import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type OpenComparisons, type Side, timeOf } from "./measure.ts";

/** Where the comparisons work: the program, its store, and a directory that is removed at the end. */
export interface Bench {
  readonly program: string;
  readonly directory: string;
  readonly store: string;
  /** Removes what is in a store, which may hold files of subordinate ids. */
  readonly emptyStore: (store: string) => Promise<void>;
}

/** Comparisons that need the same things, which are made only if one of the measures is asked for. */
export interface Group {
  readonly measures: readonly string[];
  readonly open: () => OpenComparisons | Promise<OpenComparisons>;
}

export const suite = "bookworm";

/** Runs the program in a project. */
export function devenv(bench: Bench, project: string, ...words: string[]): void {
  command([bench.program, ...words], { cwd: project, env: { DEVENV_STORE: bench.store } });
}

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
export function withProgram(name: string, program: string, side: Side): Side {
  if (typeof side === "string" || hasProgram(program)) return side;
  return `${side.name}: not there, install ${name}`;
}

export function hasProgram(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * A command of a few milliseconds, many times in a row: a shell starts it, which takes less time than Node does and
 * always the same. What is measured is the time of one.
 */
export function repeated(
  side: {
    readonly name: string;
    readonly words: readonly string[];
    readonly cwd?: string;
    readonly env?: object;
  },
  times: number,
): Side {
  const script = 'times=$0; while [ "$times" -gt 0 ]; do "$@" || exit; times=$((times - 1)); done';
  const { name, words, ...options } = side;
  return {
    name,
    read: () => timeOf(() => command(["sh", "-c", script, String(times), ...words], options)) / times,
  };
}
