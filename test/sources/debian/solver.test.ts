import { describe, expect, test } from "vitest";
import { solve } from "../../../src/sources/debian/solver.ts";
import { indexOf, type PackageList, solution } from "./solver-index.ts";

function solutionOf(packages: PackageList, ...requested: string[]): string[] | string {
  return solution(indexOf(packages), requested);
}

describe("what a name stands for", () => {
  test("a real package beats the providers of its name", () => {
    const packages = {
      "extra 1": { Provides: "codec" },
      "codec 1": {},
      "app 1": { Depends: "codec" },
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "codec 1"]);
    expect(solutionOf(packages, "codec")).toEqual(["codec 1"]);
  });

  test("of several providers the one of the highest priority, then the one mentioned last", () => {
    const packages = {
      "first 1": { Provides: "service" },
      "second 1": { Provides: "service" },
      "app 1": { Depends: "service" },
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "second 1"]);
    expect(
      solutionOf({ ...packages, "first 1": { Provides: "service", Priority: "standard" } }, "app"),
    ).toEqual(["app 1", "first 1"]);
  });

  test("the highest version of all suites", () => {
    const index = indexOf({ "app 1:1": {} }, {}, { "app 9": {}, "app 1:1+deb12u1": {} });
    expect(solution(index, ["app"])).toEqual(["app 1:1+deb12u1"]);
  });

  test("the preferred version, where there is one", () => {
    const index = indexOf({ "app 1": { Depends: "lib" }, "lib 1": {} }, { "lib 2": {} });
    const lib = index.byName("lib").find(({ version }) => version === "1");
    if (lib === undefined) throw new Error("no lib");
    expect(solution(index, ["app"], { preferred: new Map([["lib", lib]]) })).toEqual(["app 1", "lib 1"]);
  });

  test("a virtual package stands for its only provider", () => {
    expect(solutionOf({ "postfix 1": { Provides: "mta" } }, "mta")).toEqual(["postfix 1"]);
  });

  test("a virtual package with several providers is a question", () => {
    const packages = { "postfix 1": { Provides: "mta" }, "exim 1": { Provides: "mta" } };
    expect(solutionOf(packages, "mta")).toBe(
      `DEVENV_PACKAGE_UNKNOWN: bookworm for amd64 has no package "mta", but several that provide it; ` +
        "ask for one of them: exim, postfix\n(`devenv search WORD` looks for packages.)",
    );
  });

  test("unknown names are named all at once, with those that may be meant", () => {
    const packages = { "python3 1": {}, "postgresql-15 1": {}, "curl 1": {} };
    expect(solutionOf(packages, "pyhton3", "postgresql-13", "qqq", "curl")).toBe(
      `DEVENV_PACKAGE_UNKNOWN: bookworm for amd64 has no package "postgresql-13"; did you mean postgresql-15?\n` +
        `bookworm for amd64 has no package "pyhton3"; did you mean python3?\n` +
        `bookworm for amd64 has no package "qqq"\n` +
        "(`devenv search WORD` looks for packages.)",
    );
  });
});

describe("what a package needs", () => {
  test("Depends and Pre-Depends of all packages, but not what they recommend", () => {
    const packages = {
      "app 1": { "Pre-Depends": "a", Depends: "b", Recommends: "c" },
      "a 1": { Depends: "b" },
      "b 1": { Depends: "app" },
      "c 1": {},
    };
    expect(solutionOf(packages, "app")).toEqual(["a 1", "app 1", "b 1"]);
  });

  test("versioned provides fulfil versioned relations, others do not", () => {
    const packages = {
      "old 1": { Provides: "api (= 1.5)" },
      "new 1": { Provides: "api (= 2.5)" },
      "plain 9": { Provides: "api" },
      "app 1": { Depends: "api (>= 2)" },
      "below 1": { Depends: "api (<< 2)" },
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "new 1"]);
    expect(solutionOf(packages, "below")).toEqual(["below 1", "old 1"]);
  });

  test("the left alternative first", () => {
    const packages = { "app 1": { Depends: "left | right" }, "left 1": {}, "right 1": {} };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "left 1"]);
    expect(solutionOf(packages, "app", "right")).toEqual(["app 1", "right 1"]);
  });

  test("an alternative that is installed or asked for comes before the left one", () => {
    const index = indexOf({ "app 1": { Depends: "left | right" }, "left 1": {}, "right 1": {} });
    expect(solution(index, ["app"], { installed: index.byName("right") })).toEqual(["app 1"]);
    expect(solution(index, ["app", "right"])).toEqual(["app 1", "right 1"]);
  });

  test("an alternative that cannot be had leaves nothing behind", () => {
    const packages = {
      "app 1": { Depends: "left | right" },
      "left 1": { Depends: "helper, missing" },
      "helper 1": {},
      "right 1": {},
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "right 1"]);
  });

  test("what is installed is not in the answer", () => {
    const index = indexOf({ "app 1": { Depends: "lib" }, "lib 1": {} });
    expect(solution(index, ["app"], { installed: index.byName("lib") })).toEqual(["app 1"]);
    expect(solution(index, ["lib"], { installed: index.byName("lib") })).toEqual([]);
  });

  test("a qualifier `any` is fulfilled by packages that allow it, `native` and the own architecture mean nothing", () => {
    const packages = {
      "python 3": { "Multi-Arch": "allowed" },
      "other 1": {},
      "app 1": { Depends: "python:any (>= 3), other:native, other:amd64" },
      "strict 1": { Depends: "other:any" },
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "other 1", "python 3"]);
    expect(solutionOf(packages, "strict")).toMatch(/^DEVENV_UNSATISFIABLE/);
  });
});

describe("what excludes each other", () => {
  test.each(["Conflicts", "Breaks"])("%s leads to the other alternative", (field) => {
    const packages = {
      "app 1": { Depends: "left | right" },
      "left 1": { [field]: "tool" },
      "right 1": {},
      "tool 1": {},
    };
    expect(solutionOf(packages, "app", "tool")).toEqual(["app 1", "right 1", "tool 1"]);
  });

  test("a choice that turns out wrong deep below is taken back", () => {
    const packages = {
      "app 1": { Depends: "a | b, tool" },
      "a 1": { Depends: "a-common" },
      "a-common 1": { Depends: "a-data" },
      "a-data 1": { Conflicts: "tool-data" },
      "b 1": {},
      "tool 1": { Depends: "tool-common" },
      "tool-common 1": { Depends: "tool-data" },
      "tool-data 1": {},
    };
    expect(solutionOf(packages, "app")).toEqual(["app 1", "b 1", "tool 1", "tool-common 1", "tool-data 1"]);
  });

  test("two choices that only together are right", () => {
    const packages = {
      "app 1": { Depends: "a1 | a2, b1 | b2, c" },
      "a1 1": { Conflicts: "b2" },
      "a2 1": {},
      "b1 1": { Conflicts: "c" },
      "b2 1": {},
      "c 1": {},
    };
    expect(solutionOf(packages, "app")).toEqual(["a2 1", "app 1", "b2 1", "c 1"]);
  });

  test("a package does not conflict with itself through what it provides", () => {
    const packages = {
      "postfix 1": { Provides: "mta", Conflicts: "mta, postfix" },
      "exim 1": { Provides: "mta", Conflicts: "mta" },
    };
    expect(solutionOf(packages, "postfix")).toEqual(["postfix 1"]);
    expect(solutionOf(packages, "postfix", "exim")).toMatch(/^DEVENV_UNSATISFIABLE/);
  });

  test("the version decides", () => {
    const packages = {
      "app 1": { Breaks: "tool (<< 2)" },
      "tool 2": {},
      "other 1": { Breaks: "tool (<= 2)" },
    };
    expect(solutionOf(packages, "app", "tool")).toEqual(["app 1", "tool 2"]);
    expect(solutionOf(packages, "other", "tool")).toMatch(/^DEVENV_UNSATISFIABLE/);
  });

  test("nothing that is installed gives way", () => {
    const index = indexOf({ "base 1": {}, "app 1": { Conflicts: "base" } });
    expect(solution(index, ["app"], { installed: index.byName("base") })).toBe(
      `DEVENV_UNSATISFIABLE: app cannot be installed:
  app 1 is asked for
  base 1 belongs to the base
  app 1 excludes base 1: “Conflicts: base”
(Take it out of “packages”, or choose another base.)`,
    );
  });
});

describe("requests that cannot be satisfied", () => {
  test("a dependency that nothing provides", () => {
    expect(
      solutionOf(
        { "app 1": { Depends: "lib" }, "lib 2": { Depends: "data (>= 3), gone" }, "data 2": {} },
        "app",
      ),
    ).toBe(`DEVENV_UNSATISFIABLE: app cannot be installed:
  app 1 is asked for
  app 1 needs lib
  lib 2 needs data (>= 3), but
    data is only to be had as 2
(Take it out of “packages”, or choose another base.)`);
  });

  test("two packages that exclude each other, each deep below what is asked for", () => {
    const packages = {
      "app 1": { Depends: "a" },
      "a 1": { Depends: "a-common (>= 1)" },
      "a-common 1": { Conflicts: "b-common (<< 3)" },
      "tool 1": { Depends: "b | missing" },
      "b 1": { Depends: "b-api" },
      "b-common 2": { Provides: "b-api" },
    };
    expect(
      solutionOf(packages, "app", "tool"),
    ).toBe(`DEVENV_UNSATISFIABLE: These packages cannot be installed together: app, tool
  tool 1 is asked for
  tool 1 needs b | missing, here b 1
  b 1 needs b-api, but
    app 1 is asked for
    app 1 needs a
    a 1 needs a-common (>= 1), here a-common 1
    a-common 1 excludes b-common 2: “Conflicts: b-common (<< 3)”
(Take one of those that the chain begins with out of “packages”, or choose another base.)`);
  });

  test("alternatives of which each fails for a reason of its own", () => {
    const packages = {
      "app 1": { Depends: "a | b" },
      "a 1": { Depends: "gone" },
      "b 1": { Conflicts: "tool" },
      "tool 1": {},
    };
    expect(
      solutionOf(packages, "app", "tool"),
    ).toBe(`DEVENV_UNSATISFIABLE: These packages cannot be installed together: app, tool
  app 1 is asked for
  app 1 needs a | b, but
    a 1 cannot be had:
      a 1 needs gone, but
        there is no package gone
    b 1 cannot be had:
      tool 1 is asked for
      b 1 excludes tool 1: “Conflicts: tool”
(Take one of those that the chain begins with out of “packages”, or choose another base.)`);
  });
});

test("the order of what is asked for does not matter", () => {
  const index = indexOf({
    "a 1": { Depends: "x | y" },
    "b 1": { Depends: "y | x" },
    "c 1": { Conflicts: "x" },
    "x 1": {},
    "y 1": {},
  });
  const expected = solve(index, ["a", "b"]);
  expect(solve(index, ["b", "a", "b"])).toEqual(expected);
  expect(solution(index, ["c", "b", "a"])).toEqual(["a 1", "b 1", "c 1", "y 1"]);
  for (const order of [
    ["a", "b", "c"],
    ["b", "c", "a"],
    ["c", "a", "b"],
  ])
    expect(solution(index, order)).toEqual(["a 1", "b 1", "c 1", "y 1"]);
});
