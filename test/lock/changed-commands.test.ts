import { describe, expect, test } from "vitest";
import { changedCommands, type Digest, type InputFile, type LockedCommand } from "../../src/lock/index.ts";
import { sampleCommand } from "./fixture.ts";

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

function changes(
  change: Partial<LockedCommand>,
  trees: ReadonlyMap<Digest, readonly InputFile[]> = new Map(),
): string[] {
  const told = changedCommands([sampleCommand], [{ ...sampleCommand, ...change }], trees);
  return told.map((line) => line.replace('step "python packages": ', ""));
}

describe("what changed in commands", () => {
  test("is nothing when they are the same", () => {
    expect(changes({})).toEqual([]);
  });

  test("is told by name", () => {
    expect(changedCommands([sampleCommand], [{ ...sampleCommand, run: "pip" }], new Map())).toEqual([
      'step "python packages": command changed',
    ]);
    expect(changes({ inputs: { "requirements.txt": digest("1") } })).toEqual([
      "inputs changed: requirements.txt",
    ]);
    expect(changes({ env: { PIP_INDEX_URL: "x" } })).toEqual([
      "environment changed: PIP_INDEX_URL, PIP_NO_CACHE_DIR",
    ]);
    const { network: _, ...without } = sampleCommand;
    expect(changedCommands([sampleCommand], [without], new Map())).toEqual([
      'step "python packages": it does without network now',
    ]);
    expect(changes({ run: "a", inputs: {} })).toEqual([
      "command changed; inputs changed: requirements.txt (not asked for any more)",
    ]);
  });

  test("in what a pattern stands for is told by the files, where both are known", () => {
    const file = (path: string, digit: string): InputFile => {
      return { kind: "file", path, executable: false, size: 1, digest: digest(digit) };
    };
    const link: InputFile = { kind: "link", path: "d", target: "a" };
    const before = { ...sampleCommand, inputs: { "**": digest("1") } };
    const after = { ...sampleCommand, inputs: { "**": digest("2") } };
    const trees = new Map([
      [digest("1"), [file("a", "1"), file("b", "1"), file("c", "1"), link]],
      [digest("2"), [file("a", "2"), file("c", "1"), { ...link, target: "c" }, file("e", "1")]],
    ]);
    expect(changedCommands([before], [after], trees)).toEqual([
      'step "python packages": inputs changed: a, b (gone), d, e (new)',
    ]);
    trees.delete(digest("1"));
    expect(changedCommands([before], [after], trees)).toEqual(['step "python packages": inputs changed: **']);
  });

  test("is which there are, and their order", () => {
    const other = { ...sampleCommand, name: "other" };
    expect(changedCommands([], [sampleCommand], new Map())).toEqual(['step "python packages": added']);
    expect(changedCommands([sampleCommand, other], [sampleCommand], new Map())).toEqual([
      'step "other": removed',
    ]);
    expect(changedCommands([sampleCommand, other], [other, sampleCommand], new Map())).toEqual([
      "the steps are in another order: other, python packages",
    ]);
  });

  test("of thousands of files some are named", () => {
    const inputs = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`f${i + 10}`, digest("1")]));
    expect(changes({ inputs })[0]).toMatch(/f19 \(new\) and 6 more$/);
  });
});
