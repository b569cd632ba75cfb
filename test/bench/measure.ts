import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";

/** One of those that are compared: something that is done again and again. */
interface Repeated {
  readonly name: string;
  /** Done before each run, not measured. */
  readonly prepare?: () => void;
  /** Done after each run, not measured. */
  readonly clean?: () => void | Promise<void>;
}

/** What is measured is how long it takes, in milliseconds. */
export interface Timed extends Repeated {
  readonly run: () => void;
}

/** What is measured is the number that it gives. */
export interface Counted extends Repeated {
  readonly read: () => number | Promise<number>;
}

/** A text says why there is none. */
export type Side = Timed | Counted | string;

export type Unit = "ms" | "KiB" | "times";

export interface Peer {
  readonly side: Side;
  /** The ratio to get below. */
  readonly aim?: number;
}

/** What devenv takes for something, beside what its users have today. */
export interface Comparison {
  readonly measure: string;
  /** Milliseconds unless it says otherwise. */
  readonly unit?: Unit;
  /** The number to get below, whatever others have. */
  readonly aim?: number;
  readonly rounds: number;
  readonly ours: Side;
  readonly peers: readonly Peer[];
  /**
   * Each round adds to what is there: this many of the first rounds are told apart from as many of the last, and the
   * last shall be at most `growth` times the first.
   */
  readonly ends?: { readonly rounds: number; readonly growth: number };
}

/** Comparisons with what they need already running. */
export interface OpenComparisons {
  readonly comparisons: readonly Comparison[];
  readonly close?: () => void | Promise<void>;
}

/** Numbers in the order in which they were measured. */
interface Measured {
  readonly name: string;
  readonly values: readonly number[];
}

/** One row of the table: devenv beside one of its peers. */
export interface Result {
  readonly measure: string;
  readonly unit: Unit;
  readonly ours: Measured | string;
  readonly peer: Measured | string;
  /** Ours divided by the peer's, round by round. */
  readonly ratios?: readonly number[];
  readonly aim?: { readonly of: "ours" | "ratio"; readonly value: number; readonly isMet?: boolean };
}

/** Runs all sides in turn, so that a machine that becomes slower does so for all; the first round is not counted. */
export async function compare(comparison: Comparison): Promise<Result[]> {
  const { ours, peers, rounds, ends } = comparison;
  const sides = [ours, ...peers.map(({ side }) => side)];
  const values = sides.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, side] of sides.entries()) {
      if (typeof side === "string") continue;
      const value = await (index === 0 ? measuredOf(side) : measuredOfPeer(side));
      if (typeof value === "string") sides[index] = value;
      else values[index]?.push(value);
    }
  }
  const measured = sides.map((side, index) =>
    typeof side === "string" ? side : { name: side.name, values: values[index]?.slice(1) ?? [] },
  );
  return ends === undefined ? rows(comparison, measured) : rowsOfEnds(comparison, measured, ends);
}

function rows(
  { measure, unit = "ms", aim, peers }: Omit<Comparison, "ours" | "rounds">,
  [ours = "", ...others]: readonly (Measured | string)[],
): Result[] {
  const absolute = aim === undefined ? undefined : aimFor("ours", aim, valuesOf(ours));
  if (others.length === 0) others.push("");
  return others.map((peer, index) => {
    const ratios = ratiosOf(ours, peer);
    const relative = peers[index]?.aim;
    const goal = relative === undefined ? absolute : aimFor("ratio", relative, ratios);
    return {
      ...{ measure, unit, ours, peer },
      ...(ratios === undefined ? {} : { ratios }),
      ...(goal === undefined ? {} : { aim: goal }),
    };
  });
}

function rowsOfEnds(
  comparison: Comparison,
  measured: readonly (Measured | string)[],
  { rounds, growth }: { readonly rounds: number; readonly growth: number },
): Result[] {
  const { measure, peers } = comparison;
  const part = (start: number, end?: number): (Measured | string)[] =>
    measured.map((one) =>
      typeof one === "string" ? one : { name: one.name, values: one.values.slice(start, end) },
    );
  const [first, last] = [part(0, rounds), part(-rounds)];
  const grown = last.map((one, index) => {
    const values = ratiosOf(one, first[index] ?? "");
    return typeof one === "string" || values === undefined ? String(one) : { name: one.name, values };
  });
  return [
    ...rows({ ...comparison, measure: `${measure}: the first ${rounds}` }, first),
    ...rows({ ...comparison, measure: `${measure}: the last ${rounds}` }, last),
    ...rows({ measure: `${measure}: the last by the first`, unit: "times", aim: growth, peers }, grown),
  ];
}

function ratiosOf(ours: Measured | string, peer: Measured | string): number[] | undefined {
  if (typeof ours === "string" || typeof peer === "string") return undefined;
  return ours.values.map((value, index) => value / (peer.values[index] ?? Number.NaN));
}

function aimFor(
  of: "ours" | "ratio",
  value: number,
  values: readonly number[] | undefined,
): NonNullable<Result["aim"]> {
  return { of, value, ...(values === undefined ? {} : { isMet: median(values) <= value }) };
}

function valuesOf(one: Measured | string): readonly number[] | undefined {
  return typeof one === "string" ? undefined : one.values;
}

/** Milliseconds after which a command hangs. */
const patience = 300_000;

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: object;
}

/** Runs a command to its end. @throws Error with its last words when it fails or hangs. */
export function command(words: readonly string[], options: CommandOptions = {}): void {
  run(words, options, "ignore");
}

/** The same, and gives what it printed. */
export function outputOf(words: readonly string[], options: CommandOptions = {}): string {
  return run(words, options, "pipe");
}

function run(words: readonly string[], options: CommandOptions, stdout: "ignore" | "pipe"): string {
  const [program = "", ...rest] = words;
  const result = spawnSync(program, rest, {
    cwd: options.cwd ?? "/",
    env: { ...process.env, ...options.env },
    stdio: ["ignore", stdout, "pipe"],
    encoding: "utf8",
    timeout: patience,
  });
  const { status, stderr, error } = result;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}:\n${stderr.slice(-2000)}`);
  return result.stdout ?? "";
}

/** The middle of numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

async function measuredOf(side: Timed | Counted): Promise<number> {
  side.prepare?.();
  const value = "read" in side ? await side.read() : timeOf(side.run);
  await side.clean?.();
  return value;
}

/** Once more if it fails; then its row says so, and the others go on. */
async function measuredOfPeer(side: Timed | Counted): Promise<number | string> {
  try {
    return await measuredOf(side).catch(() => measuredOf(side));
  } catch (error) {
    return `${side.name}: ${error instanceof Error ? error.message : error}`;
  }
}

/** Milliseconds. */
export function timeOf(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
