import { cpus, loadavg } from "node:os";
import { median, type Result, type Unit } from "./measure.ts";

/** What was measured, as a table in Markdown: each number a median, and from the least to the most in brackets. */
export function tableOf(results: readonly Result[]): string {
  const load = loadavg().map((value) => value.toFixed(1));
  const user = process.getuid?.() === 0 ? "root" : "an ordinary user";
  return [
    `${cpus().length} processors (${cpus()[0]?.model.trim() ?? "unknown"}), load ${load.join(" ")}, run as ${user}`,
    "",
    "| measure | devenv | peer | ratio | aim |",
    "|---|---|---|---|---|",
    ...results.map(rowOf),
  ].join("\n");
}

/** One row of it. */
export function rowOf({ measure, unit, ours, peer, ratios, aim }: Result): string {
  const cells = [
    measure,
    side(ours, unit),
    side(peer, unit),
    ratios === undefined || unit === "times" ? "" : shown(ratios, formats.times),
    aim === undefined ? "" : aimOf(aim, unit),
  ];
  return `| ${cells.map((cell) => cell.replaceAll(/[\n|]/g, " ")).join(" | ")} |`;
}

const formats: Readonly<Record<Unit, (value: number) => string>> = {
  ms: (value) => (Math.abs(value) < 1000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(2)} s`),
  KiB: (value) => `${value.toFixed(0)} KiB`,
  times: (value) => value.toFixed(2),
};

function side(one: Result["ours"], unit: Unit): string {
  return typeof one === "string" ? one : `${one.name}: ${shown(one.values, formats[unit])}`;
}

function shown(values: readonly number[], format: (value: number) => string): string {
  return `${format(median(values))} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}

function aimOf({ of, value, isMet }: NonNullable<Result["aim"]>, unit: Unit): string {
  const goal = of === "ratio" ? `ratio ≤ ${value}` : `≤ ${value}${unit === "times" ? "" : ` ${unit}`}`;
  return isMet === undefined ? goal : `${goal}, ${isMet ? "met" : "missed"}`;
}
