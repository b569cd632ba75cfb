// Prints one table: what devenv takes, beside what its users have today, both measured in turn in this run.
// With words, only the comparisons whose measure contains one of them.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { removePaths } from "../../src/sandbox/index.ts";
import type { Bench } from "./bench.ts";
import { openComparisons } from "./comparisons.ts";
import { compare, median, type OpenComparisons, type Result, type Side } from "./measure.ts";
import { openPullComparisons, pullMeasure } from "./pull.ts";

const program = fileURLToPath(new URL("./devenv", import.meta.url));
const words = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "devenv-bench-"));
const store = join(directory, "store");
const bench: Bench = { program, directory, emptyStore };
const opened: OpenComparisons[] = [];
mkdirSync(store);
try {
  // What the others need is not made when only pulling is asked for, and the other way round.
  if (words.length === 0 || words.some((word) => !pullMeasure.includes(word)))
    opened.push(openComparisons(bench, store));
  if (words.length === 0 || words.some((word) => pullMeasure.includes(word)))
    opened.push(await openPullComparisons(bench, store));
  const chosen = opened
    .flatMap(({ comparisons }) => comparisons)
    .filter(({ measure }) => words.length === 0 || words.some((word) => measure.includes(word)));
  const results: Result[] = [];
  for (const comparison of chosen) {
    process.stderr.write(`${comparison.measure}: ${nameOf(comparison.peer)} …\n`);
    results.push(await compare(comparison));
  }
  process.stdout.write(`${tableOf(results)}\n`);
} finally {
  for (const { close } of opened) await close();
  await emptyStore(store);
  rmSync(directory, { recursive: true });
}

function nameOf(peer: Side | string): string {
  return typeof peer === "string" ? peer : peer.name;
}

async function emptyStore(path: string): Promise<void> {
  await removePaths(path, readdirSync(path));
}

/** Median, and from the least to the most in brackets. */
function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ comparison, ours, peer, ratios }) => [
    comparison.measure,
    `${comparison.ours.name}: ${shown(ours, time)}`,
    typeof comparison.peer === "string"
      ? comparison.peer
      : `${comparison.peer.name}: ${peer === undefined ? "" : shown(peer, time)}`,
    ratios === undefined ? "" : shown(ratios, (ratio) => ratio.toFixed(2)),
    comparison.aim === undefined ? "" : `≤ ${comparison.aim}`,
  ]);
  const load = loadavg().map((value) => value.toFixed(1));
  return [
    `${cpus().length} processors (${cpus()[0]?.model.trim() ?? "unknown"}), load ${load.join(" ")}`,
    "",
    "| measure | devenv | peer | ratio | aim |",
    "|---|---|---|---|---|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

function shown(values: readonly number[], format: (value: number) => string): string {
  return `${format(median(values))} (${format(values[0] ?? Number.NaN)}–${format(values.at(-1) ?? Number.NaN)})`;
}

function time(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
