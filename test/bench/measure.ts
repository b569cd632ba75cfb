import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";

/** One of the two that are compared: something that is done again and again. */
export interface Side {
  readonly name: string;
  /** Done before each run, not measured. */
  readonly prepare?: () => void;
  readonly run: () => void;
  /** Done after each run, not measured. */
  readonly clean?: () => void | Promise<void>;
}

/** What devenv takes for something, beside what its users have today. */
export interface Comparison {
  readonly measure: string;
  /** The ratio to get below. */
  readonly aim?: number;
  readonly rounds: number;
  readonly ours: Side;
  /** A text says why there is none. */
  readonly peer: Side | string;
}

/** Comparisons with what they need already running. */
export interface OpenComparisons {
  readonly comparisons: readonly Comparison[];
  readonly close: () => void | Promise<void>;
}

export interface Result {
  readonly comparison: Comparison;
  /** Milliseconds, sorted. */
  readonly ours: readonly number[];
  /** Milliseconds, sorted. */
  readonly peer?: readonly number[];
  /** Ours divided by the peer's, pair by pair, sorted. */
  readonly ratios?: readonly number[];
}

/** Runs both sides in turn, so that a machine that becomes slower does so for both; the first round is not counted. */
export async function compare(comparison: Comparison): Promise<Result> {
  const { ours, peer, rounds } = comparison;
  const pairs: { readonly ours: number; readonly peer?: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const time = await timeOf(ours);
    pairs.push(typeof peer === "string" ? { ours: time } : { ours: time, peer: await timeOf(peer) });
  }
  const counted = pairs.slice(1);
  const result = { comparison, ours: sorted(counted.map((pair) => pair.ours)) };
  const complete = counted.flatMap((pair) =>
    pair.peer === undefined ? [] : [{ ours: pair.ours, peer: pair.peer }],
  );
  if (complete.length === 0) return result;
  return {
    ...result,
    peer: sorted(complete.map((pair) => pair.peer)),
    ratios: sorted(complete.map((pair) => pair.ours / pair.peer)),
  };
}

/** Runs a command to its end. @throws Error with its last words when it fails. */
export function command(
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: object } = {},
): void {
  const [program = "", ...rest] = words;
  const { status, stderr, error } = spawnSync(program, rest, {
    cwd: options.cwd ?? "/",
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}:\n${stderr.slice(-2000)}`);
}

/** The middle of sorted numbers. */
export function median(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  return ((values[Math.floor(middle)] ?? Number.NaN) + (values[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

async function timeOf({ prepare, run, clean }: Side): Promise<number> {
  prepare?.();
  const start = performance.now();
  run();
  const time = performance.now() - start;
  await clean?.();
  return time;
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
