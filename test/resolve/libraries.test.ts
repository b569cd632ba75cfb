import { expect, test } from "vitest";
import type { LockedPlatform, LockedToolchain } from "../../src/lock/index.ts";
import { withLibraries } from "../../src/resolve/libraries.ts";
import { indexOf } from "../sources/debian/solver-index.ts";

const index = indexOf({ "libffi8 3.4": {}, "libssl3 3.0": {} });
const python: LockedToolchain = {
  language: "python",
  version: "3.9.19",
  source: "npm",
  parts: [
    {
      kind: "npm",
      package: "python",
      version: "1.0.0",
      integrity: "sha512-",
      path: "python.tgz",
      maps: [{ from: "", to: "/usr/local" }],
    },
  ],
  packages: [],
  path: [],
  variables: {},
  check: ["python3", "--version"],
};
const lockedWith = (toolchain: LockedToolchain) => ({ toolchains: [toolchain] }) as unknown as LockedPlatform;
const nothing = { found: new Map<string, string[]>(), index, previous: undefined };

test("nothing is known before a build looked", () => {
  expect(withLibraries([python], nothing)).toEqual([python]);
});

test("what was found is added, as far as the platform has such packages", () => {
  const found = new Map([["python", ["libffi8", "libx32gcc-s1"]]]);
  expect(withLibraries([python], { ...nothing, found })).toEqual([{ ...python, libraries: ["libffi8"] }]);
  expect(withLibraries([python], { ...nothing, found, index: undefined })).toEqual([
    { ...python, libraries: [] },
  ]);
});

test("the same toolchain keeps what was found for it, another one does not", () => {
  const previous = lockedWith({ ...python, libraries: ["libssl3"] });
  expect(withLibraries([python], { ...nothing, previous })).toEqual([{ ...python, libraries: ["libssl3"] }]);
  const newer = { ...python, version: "3.9.20" };
  expect(withLibraries([newer], { ...nothing, previous })).toEqual([newer]);
});

test("a toolchain of packages needs no others", () => {
  const packaged: LockedToolchain = { ...python, source: "distribution", parts: [] };
  expect(withLibraries([packaged], { ...nothing, found: new Map([["python", ["libffi8"]]]) })).toEqual([
    packaged,
  ]);
});
