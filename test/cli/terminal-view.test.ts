import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { terminalView } from "../../src/cli/terminal-view.ts";

/** Everything that was written to a terminal of 80 columns, without its control sequences. */
async function drawn(work: (view: ReturnType<typeof terminalView>) => Promise<void>): Promise<string> {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  const pieces: Buffer[] = [];
  terminal.on("data", (piece: Buffer) => pieces.push(piece));
  await work(terminalView(terminal));
  return stripVTControlCharacters(Buffer.concat(pieces).toString());
}

const frame = () => new Promise((resolve) => setTimeout(resolve, 150));

test("each phase is drawn, with its progress and how it ended; notes stand between them", async () => {
  const text = await drawn(async (view) => {
    view.begin("downloading");
    await frame();
    view.progress("1 of 2 files");
    await frame();
    view.begin("unpacking");
    await frame();
    view.note("a note");
    view.begin("packing");
    await frame();
    await view.close(false);
  });
  expect(text).toContain("1 of 2 files");
  const order = ["✔ downloading", "✔ unpacking", "a note", "✔ packing"].map((part) => text.lastIndexOf(part));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test("a phase in which the work fails is marked so", async () => {
  const text = await drawn(async (view) => {
    view.begin("downloading");
    view.begin("unpacking");
    await view.close(true);
  });
  expect(text).toContain("✔ downloading");
  expect(text).toContain("✖ unpacking");
});

test("after settle the terminal is free", async () => {
  const text = await drawn(async (view) => {
    view.begin("starting");
    view.note("onCreate: npm ci");
    await view.settle();
  });
  expect(text.trimEnd()).toMatch(/✔ starting\n+onCreate: npm ci$/);
});
