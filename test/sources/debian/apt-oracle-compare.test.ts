import { expect, test } from "vitest";
import type { AptAnswer } from "./apt-oracle.ts";
import { compare, solveForOracle } from "./apt-oracle-compare.ts";
import { indexOf } from "./solver-index.ts";

const index = indexOf({
  "app 1": { Depends: "lib, left | right" },
  "bad 1": { Depends: "gone" },
  "base 1": {},
  "left 1": {},
  "lib 1": {},
  "right 1": { Depends: "right-data" },
  "right-data 1": {},
  "tool 1": {},
});
const base = index.byName("base");

function compareWith(names: readonly string[], apt: Partial<AptAnswer>): string | undefined {
  const answer = {
    installed: new Map<string, string>(),
    upgraded: new Map<string, string>(),
    changed: [],
    ...apt,
  };
  return compare(index, names, base, answer, solveForOracle(index, names, base));
}

function versions(...names: string[]): Map<string, string> {
  return new Map(names.map((name) => [name, "1"]));
}

test("equal answers, and equal refusals", () => {
  expect(compareWith(["app"], { installed: versions("left", "lib", "app") })).toBeUndefined();
  expect(compareWith(["bad"], { refusal: "E: broken" })).toBeUndefined();
  expect(compareWith(["bad"], { changed: ["base"] })).toBeUndefined();
});

test("another alternative is named with the relation it satisfies", () => {
  expect(compareWith(["app"], { installed: versions("app", "lib", "right", "right-data") })).toBe(
    "only apt takes right 1, right-data 1; only we take left 1\n" +
      "  app needs left | right: apt has right, we left",
  );
});

test("another version is a difference", () => {
  expect(compareWith(["lib"], { installed: new Map([["lib", "2"]]) })).toBe(
    "only apt takes lib 2; only we take lib 1",
  );
});

test("what apt leaves behind is named", () => {
  expect(compareWith(["lib"], { installed: versions("lib", "tool") })).toBe(
    "only apt takes tool 1; only we take nothing\n  apt leaves behind what nothing needs: tool",
  );
});

test("who refuses, and why", () => {
  expect(compareWith(["lib"], { refusal: "E: broken" })).toBe("apt refuses, we do not: E: broken");
  expect(compareWith(["lib"], { changed: ["base"] })).toBe("apt would change base, we do not");
  expect(compareWith(["bad"], { installed: versions("bad") })).toMatch(
    /^we refuse, apt does not: DEVENV_UNSATISFIABLE: bad cannot be installed/,
  );
});
