import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  environmentDirectory,
  environmentIds,
  findId,
  makeDirectories,
} from "../../src/environment/directory.ts";
import { environmentId, projectKey } from "../../src/environment/identity.ts";
import { isSameStamp, stampOf } from "../../src/environment/stamp.ts";
import { type EnvironmentState, readState, writeState } from "../../src/environment/state.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "devenv-environment-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("the directory of an environment", () => {
  test("is found by the project's path, whatever the project is called", async () => {
    expect(await environmentIds({ root })).toEqual([]);
    expect(await findId({ root }, "/home/u/shop")).toBeUndefined();
    const id = environmentId("old-name", "/home/u/shop");
    expect(id).toMatch(/^old-name-[0-9a-f]{12}$/);
    for (const name of [id, environmentId("other", "/home/u/other"), "half-made", "lock"])
      mkdirSync(join(root, "environments", name), { recursive: true });
    expect(await environmentIds({ root })).toEqual([id, environmentId("other", "/home/u/other")].sort());
    expect(await findId({ root }, "/home/u/shop")).toBe(id);
    expect(await findId({ root }, "/home/u/shop/")).toBeUndefined();
    expect(projectKey("/home/u/shop")).not.toBe(projectKey("/home/u/shop2"));
  });

  test("holds what belongs to the developer; what is there stays", async () => {
    const directory = environmentDirectory({ root }, "shop-000000000000");
    await makeDirectories(directory, ["cargo", "data"]);
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    for (const path of [directory.home, directory.volume("cargo"), directory.volume("data")])
      expect(statSync(path).isDirectory()).toBe(true);
    expect(() => statSync(directory.upper)).toThrow("ENOENT");
    writeFileSync(join(directory.home, ".bashrc"), "mine");
    chmodSync(directory.home, 0o750);
    await makeDirectories(directory, ["cargo"]);
    expect(statSync(directory.home).mode & 0o777).toBe(0o750);
    expect(statSync(join(directory.home, ".bashrc")).size).toBe(4);
  });
});

describe("a stamp", () => {
  test("stays while nothing happens to the file, and tells every change", async () => {
    const file = join(root, "devenv.lock");
    writeFileSync(file, "one");
    const before = await stampOf(file);
    expect(isSameStamp(before, await stampOf(file))).toBe(true);

    writeFileSync(file, "three");
    utimesSync(file, statSync(file).atime, Number(before?.modified.slice(0, -9)));
    const longer = await stampOf(file);
    expect(isSameStamp(before, longer)).toBe(false);

    utimesSync(file, 1, 1);
    const older = await stampOf(file);
    expect(isSameStamp(longer, older)).toBe(false);

    const copy = join(root, "copy");
    writeFileSync(copy, "three");
    utimesSync(copy, 1, 1);
    renameSync(copy, file);
    expect(isSameStamp(older, await stampOf(file))).toBe(false);
  });

  test("of a file that is not there is the same as none", async () => {
    expect(await stampOf(join(root, "nothing"))).toBeUndefined();
    expect(isSameStamp(undefined, undefined)).toBe(false);
    writeFileSync(join(root, "file"), "");
    expect(isSameStamp(await stampOf(join(root, "file")), undefined)).toBe(false);
    await expect(stampOf(join(root, "file", "below"))).rejects.toThrow("ENOTDIR");
  });
});

describe("the state", () => {
  const state: EnvironmentState = {
    version: 1,
    id: "shop-000000000000",
    name: "shop",
    project: "/home/u/shop",
    created: "2026-01-01T00:00:00.000Z",
    platform: "linux/amd64",
    isPrepared: false,
    hasHome: false,
    isCreated: false,
    allowsMissingLimits: false,
  };

  test("is read as it was written", async () => {
    await writeState(root, state);
    expect(await readState(root)).toEqual(state);
    await writeState(root, { ...state, hasHome: true, start: undefined });
    expect(await readState(root)).toEqual({ ...state, hasHome: true });
  });

  test("of a directory without one, or of no directory, is none", async () => {
    expect(await readState(root)).toBeUndefined();
    expect(await readState(join(root, "missing"))).toBeUndefined();
    writeFileSync(join(root, "file"), "");
    expect(await readState(join(root, "file"))).toBeUndefined();
  });

  test.each([
    ["nothing", ""],
    ["half of it", JSON.stringify(state).slice(0, 60)],
    ["zeros after a crash", "\0".repeat(100)],
    ["null", "null"],
    ["a list", "[]"],
    ["a text", '"text"'],
    ["another version", JSON.stringify({ ...state, version: 2 })],
    ["no project", JSON.stringify({ ...state, project: undefined })],
    ["a project that is no path", JSON.stringify({ ...state, project: 7 })],
  ])("that holds %s is none", async (_, content) => {
    writeFileSync(join(root, "state.json"), content);
    expect(await readState(root)).toBeUndefined();
  });

  test("that cannot be read is an error, not an absence", async () => {
    mkdirSync(join(root, "state.json"));
    await expect(readState(root)).rejects.toThrow("EISDIR");
  });
});
