import { describe, expect, test } from "vitest";
import { installationStages } from "../../src/resolve/stages.ts";
import type { PackageRecord } from "../../src/sources/debian/index.ts";
import { indexOf, type PackageList } from "../sources/debian/solver-index.ts";

function recordsOf(packages: PackageList): PackageRecord[] {
  const index = indexOf(packages);
  return Object.keys(packages).flatMap((key) => index.byName(key.split(" ")[0] ?? ""));
}

function stagesOf(packages: PackageList, base: PackageList = {}): Record<string, number> {
  return Object.fromEntries(installationStages(recordsOf(base), recordsOf(packages)));
}

describe("installationStages", () => {
  test("packages that only depend on each other share one stage", () => {
    expect(stagesOf({ a: { Depends: "b" }, b: { Depends: "c" }, c: {} })).toEqual({ a: 0, b: 0, c: 0 });
  });

  test("what a package pre-depends on comes a stage earlier, with all that it needs", () => {
    expect(
      stagesOf({ a: { "Pre-Depends": "b" }, b: { Depends: "c" }, c: { "Pre-Depends": "d" }, d: {} }),
    ).toEqual({ a: 2, b: 1, c: 1, d: 0 });
  });

  test("whoever depends on a later package comes later too", () => {
    expect(stagesOf({ a: { Depends: "b" }, b: { "Pre-Depends": "c" }, c: {} })).toEqual({ a: 1, b: 1, c: 0 });
  });

  test("what the base has is there from the beginning", () => {
    expect(stagesOf({ a: { "Pre-Depends": "b" } }, { b: {} })).toEqual({ a: 0 });
  });

  test("an alternative that the base has settles the relation", () => {
    expect(stagesOf({ a: { "Pre-Depends": "b | c" }, b: {} }, { c: {} })).toEqual({ a: 0, b: 0 });
  });

  test("a provider stands for the name, in the version that it provides", () => {
    expect(stagesOf({ a: { "Pre-Depends": "virtual (>= 2)" }, b: { Provides: "virtual (= 2)" } })).toEqual({
      a: 1,
      b: 0,
    });
  });

  test("what takes the place of an older version is new, and comes before what needs it", () => {
    expect(stagesOf({ "lib 2": {}, "app 1": { "Pre-Depends": "lib (>= 1)" } }, { "lib 1": {} })).toEqual({
      lib: 0,
      app: 1,
    });
  });

  test("what cannot be beside an older version comes with the newer one, or after it", () => {
    const lib = { "Pre-Depends": "pre" };
    const old = { "lib 1": {}, "old 1": { Breaks: "app" } };
    const packages = { "lib 2": lib, pre: {} };
    expect(stagesOf({ ...packages, app: { Breaks: "lib (<< 2)" } }, old)).toEqual({ pre: 0, lib: 1, app: 1 });
    expect(stagesOf({ ...packages, app: { Conflicts: "lib (<< 2)" } }, old)).toEqual({
      pre: 0,
      lib: 1,
      app: 2,
    });
    expect(stagesOf({ "old 2": lib, pre: {}, app: {} }, old)).toEqual({ pre: 0, old: 1, app: 1 });
  });

  test("a cycle shares a stage, and what needs it comes after it", () => {
    expect(
      stagesOf({
        a: { "Pre-Depends": "b" },
        b: { Depends: "c" },
        c: { Depends: "b", "Pre-Depends": "d" },
        d: {},
      }),
    ).toEqual({ a: 2, b: 1, c: 1, d: 0 });
    expect(stagesOf({ a: { "Pre-Depends": "b" }, b: { "Pre-Depends": "a" } })).toEqual({ a: 0, b: 0 });
  });
});
