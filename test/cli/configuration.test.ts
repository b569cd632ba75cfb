import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devenv } from "../support/program.ts";

let directory: string;
const configuration = (): string => readFileSync(join(directory, "devenv.jsonc"), "utf8");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-cli-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("the command line", () => {
  test("init writes a configuration that the other commands accept, and never a second time", () => {
    expect(devenv(directory, ["init"])).toMatchObject({ code: 0, err: "" });
    const written = configuration();
    expect(devenv(directory, ["init"])).toMatchObject({ code: 2, out: "" });
    expect(configuration()).toBe(written);
  });

  test("add and remove are each other's inverse, comments kept", () => {
    const text =
      '{\n  // ours\n  "name": "shop",\n  "base": "bootstrap:debian/bookworm",\n  "packages": ["git"] // all\n}\n';
    writeFileSync(join(directory, "devenv.jsonc"), text);
    expect(devenv(directory, ["add", "libpq-dev"]).code).toBe(0);
    expect(configuration()).toBe(text.replace('"git"', '"git", "libpq-dev"'));
    expect(devenv(directory, ["remove", "libpq-dev"]).code).toBe(0);
    expect(configuration()).toBe(text);
  });

  test("a wrong name leaves the file alone", () => {
    devenv(directory, ["init"]);
    const before = configuration();
    const { code, err } = devenv(directory, ["add", "No Such Name"]);
    expect(code).toBe(2);
    expect(err).toContain('found "No Such Name"');
    expect(configuration()).toBe(before);
  });

  test("every mistake of a configuration is shown with file, line and column", () => {
    writeFileSync(join(directory, "devenv.jsonc"), '{\n  "name": 3,\n  "bse": "x",\n  "services": {}\n}\n');
    const { code, err } = devenv(directory, ["add", "git"]);
    expect(code).toBe(2);
    expect(err).toMatch(/devenv\.jsonc:2:11.*name/);
    expect(err).toMatch(/devenv\.jsonc:3:3.*did you mean "base"/);
    expect(err).toMatch(/devenv\.jsonc:4:15.*not supported yet/);
  });

  test("without a project, an unknown word, a missing argument: exit code 2 and nothing on standard output", () => {
    for (const words of [["add", "git"], ["frobnicate"], ["add"]]) {
      const { code, out, err } = devenv(directory, words);
      expect([words, code, out]).toEqual([words, 2, ""]);
      expect(err).not.toBe("");
    }
  });
});
