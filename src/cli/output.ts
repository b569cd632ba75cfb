import type { Writable } from "node:stream";
import type { View } from "./terminal-view.ts";

/** Rows under a head, columns as wide as needed; the last column may be as long as it wants. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Two columns without a head: what something is, and its value. */
export function formatFacts(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  return facts
    .map(([label, value]) => `${label.padEnd(width)}  ${value}`.trimEnd())
    .join("\n")
    .concat("\n");
}

export function formatJson(data: unknown): string {
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

/** `1.5 GiB`; whole numbers for bytes. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

/** Shows progress: drawn anew in place on a terminal, one plain line for each phase otherwise. */
export async function openView(out: Writable): Promise<View> {
  if (!isTerminal(out)) return plainView(out);
  const { terminalView } = await import("./terminal-view.ts");
  return terminalView(out);
}

/** Runs the work with progress shown on `out`, and leaves the terminal in order whatever happens. */
export async function withView<T>(out: Writable, work: (view: View) => Promise<T>): Promise<T> {
  const view = await openView(out);
  try {
    const result = await work(view);
    await view.close(false);
    return result;
  } catch (error) {
    await view.close(true);
    throw error;
  }
}

export function isTerminal(stream: unknown): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true;
}

function plainView(out: Writable): View {
  return {
    begin: (title) => out.write(`${title}\n`),
    progress: () => {},
    end: () => {},
    note: (text) => out.write(`${text}\n`),
    settle: async () => {},
    close: async () => {},
  };
}
