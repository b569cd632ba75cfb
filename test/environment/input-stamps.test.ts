import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { areInputsCurrent, takeInputStamps } from "../../src/environment/input-stamps.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "devenv-stamps-"));
  mkdirSync(join(root, "sub"));
  for (const name of ["a", "b", "sub/c"]) writeFileSync(join(root, name), name);
});
afterEach(() => rmSync(root, { recursive: true }));

const take = (...inputs: string[]) => takeInputStamps(root, [{ inputs }, { inputs: ["a"] }]);

describe("stamps of inputs", () => {
  test("are those of named files", async () => {
    expect(await takeInputStamps(root, [{ inputs: [] }])).toBeUndefined();
    const stamps = await take("sub/c");
    expect(stamps).toMatchObject({ hasPatterns: false });
    expect(Object.keys(stamps?.files ?? {}).sort()).toEqual([join(root, "a"), join(root, "sub/c")]);
    expect(await areInputsCurrent(stamps)).toBe(true);
    expect(await areInputsCurrent(undefined)).toBe(true);
  });

  test.each<[string, () => void]>([
    ["content", () => writeFileSync(join(root, "a"), "longer")],
    ["time", () => utimesSync(join(root, "a"), 1, 1)],
    ["executable bit", () => chmodSync(join(root, "a"), 0o755)],
    ["end", () => rmSync(join(root, "a"))],
    ["replacement", () => renameSync(join(root, "b"), join(root, "a"))],
    ["way", () => renameSync(join(root, "sub"), join(root, "other"))],
  ])("notice another %s", async (_, change) => {
    const stamps = await take("sub/c");
    change();
    expect(await areInputsCurrent(stamps)).toBe(false);
  });

  test("notice another target of a link, and leave what it leads to alone", async () => {
    symlinkSync("a", join(root, "link"));
    const stamps = await takeInputStamps(root, [{ inputs: ["link"] }]);
    writeFileSync(join(root, "a"), "longer");
    expect(await areInputsCurrent(stamps)).toBe(true);
    rmSync(join(root, "link"));
    symlinkSync("b", join(root, "link"));
    expect(await areInputsCurrent(stamps)).toBe(false);
  });

  test.each(["sub", "*.c", "sub/**", "missing"])("say nothing for sure of %j", async (input) => {
    const stamps = await take(input);
    expect(stamps).toMatchObject({ hasPatterns: true });
    expect(await areInputsCurrent(stamps)).toBe(false);
  });
});
