import { describe, expect, test } from "vitest";
import { DevenvError } from "../../../src/errors.ts";
import { readStatus, solve, systemOf } from "../../../src/sources/debian/index.ts";
import { stanza } from "./archive.ts";
import { indexOf, type PackageList } from "./solver-index.ts";
import { fieldsOf, holdsTogether, randomToys, subsets, type Toy } from "./solver-toys.ts";

const ARCHIVES = 2500;

/** The solution as `name version` each, or the error's message. */
function solution(
  archive: PackageList,
  installed: PackageList,
  requested: readonly string[],
): string[] | string {
  const status = Object.entries(installed).map(([key, fields]) => {
    const [name = "", version = "1"] = key.split(" ");
    return stanza(name, version, { Status: "install ok installed", ...fields });
  });
  const source = { architecture: "amd64", name: "status" };
  const system = systemOf("bookworm", indexOf(archive), readStatus(status.join(""), source));
  try {
    const records = solve(system.index, requested, {
      installed: system.installed,
      mayUpgrade: system.mayUpgrade,
    });
    return records.map(({ name, version }) => `${name} ${version}`);
  } catch (error) {
    if (error instanceof DevenvError) return error.message;
    throw error;
  }
}

describe("on what is installed", () => {
  const archive: PackageList = {
    "libssl3 3.0.15": {},
    "libssl-dev 3.0.15": { Depends: "libssl3 (= 3.0.15)" },
    "curl 8": { Depends: "libssl3 (>= 3)" },
    "tool 1": { Depends: "old-lib (<< 2) | libssl3 (>= 3.0.15)" },
    "app 1": { Breaks: "libssl3 (<< 3.0.14)" },
  };
  const installed: PackageList = { "libssl3 3.0.11": {} };

  test("what is new enough stays as it is", () => {
    expect(solution(archive, installed, ["curl"])).toEqual(["curl 8"]);
  });

  test("what something needs newer, or breaks, becomes newer", () => {
    expect(solution(archive, installed, ["libssl-dev"])).toEqual(["libssl-dev 3.0.15", "libssl3 3.0.15"]);
    expect(solution(archive, installed, ["app"])).toEqual(["app 1", "libssl3 3.0.15"]);
    expect(solution(archive, installed, ["tool"])).toEqual(["libssl3 3.0.15", "tool 1"]);
  });

  test("what is asked for becomes as new as it can be, what is newer than the archive's stays", () => {
    expect(solution(archive, installed, ["libssl3"])).toEqual(["libssl3 3.0.15"]);
    expect(solution(archive, { "libssl3 3.1": {} }, ["libssl3", "curl"])).toEqual(["curl 8"]);
    expect(solution(archive, { "libssl3 3.0.15": {} }, ["libssl3", "libssl-dev"])).toEqual([
      "libssl-dev 3.0.15",
    ]);
  });

  test("what is on hold never moves, and the error says so", () => {
    const held: PackageList = { "libssl3 3.0.11": { Status: "hold ok installed" } };
    expect(solution(archive, held, ["libssl3", "curl"])).toEqual(["curl 8"]);
    expect(solution(archive, held, ["libssl-dev"])).toContain("libssl3 3.0.11 belongs to the base and stays");
  });

  test("nothing is removed", () => {
    const own: PackageList = { "mine 1": { Conflicts: "curl" }, ...installed };
    expect(solution(archive, own, ["curl"])).toContain("mine 1 excludes curl 8");
  });

  test("what no archive has serves as well as anything else", () => {
    const own: PackageList = { "mine 1": { Provides: "libssl3 (= 3.0.15)" } };
    expect(solution(archive, own, ["libssl-dev"])).toEqual(["libssl-dev 3.0.15"]);
    expect(solution(archive, own, ["mine"])).toEqual([]);
  });

  test("newer versions of what is in the way are the way out when apt's way fails", () => {
    const wants: PackageList = {
      "app 2": { Depends: "lib (>= 2)" },
      "lib 2": { Conflicts: "core (<< 2)" },
      "core 2": { Depends: "left | right" },
      "left 1": { Conflicts: "app" },
      "right 1": {},
    };
    expect(solution(wants, { "lib 1": {}, "core 1": {} }, ["app"])).toEqual([
      "app 2",
      "core 2",
      "lib 2",
      "right 1",
    ]);
  });
});

test("a solution is found whenever there is one, and it holds together", () => {
  const counts = { solved: 0, upgrading: 0, refused: 0, missed: 0 };
  for (let seed = 0; seed < ARCHIVES; seed++) {
    const { toys, requested } = randomToys(seed, "n-");
    const old = randomToys(seed + ARCHIVES, "n-").installed.map((toy) => ({
      ...toy,
      version: toy.version - 0.5,
    }));
    const packages = (list: readonly Toy[]): PackageList =>
      Object.fromEntries(list.map((toy) => [`${toy.name} ${toy.version}`, fieldsOf(toy)]));
    const found = solution(packages(toys), packages(old), requested);
    const context = JSON.stringify({ seed, requested, old, toys, found });
    const systems = systemsOf(toys, old, requested);
    if (typeof found === "string") {
      counts[systems.length > 0 ? "missed" : "refused"]++;
      continue;
    }
    const taken = toys.filter(({ name, version }) => found.includes(`${name} ${version}`));
    expect(taken.length, context).toBe(found.length);
    const kept = old.filter((one) => !taken.some(({ name }) => name === one.name));
    const result = [...taken, ...kept].map(({ name, version }) => `${name} ${version}`).sort();
    expect(
      systems.map((system) => system.join()),
      context,
    ).toContain(result.join());
    counts[kept.length < old.length ? "upgrading" : "solved"]++;
  }
  expect(counts.missed).toBe(0);
  expect(Math.min(counts.solved, counts.upgrading, counts.refused)).toBeGreaterThan(ARCHIVES / 20);
});

/** All systems with what is asked for, in which nothing is removed or becomes older. */
function systemsOf(toys: readonly Toy[], old: readonly Toy[], requested: readonly string[]): string[][] {
  const isNewer = (toy: Toy) => old.every((one) => one.name !== toy.name || one.version < toy.version);
  return subsets(toys)
    .filter((subset) => subset.every(isNewer))
    .map((subset) => [...subset, ...old.filter((one) => !subset.some(({ name }) => name === one.name))])
    .filter((system) =>
      requested.every((name) => {
        const newest = toys.find((toy) => toy.name === name && isNewer(toy));
        return newest === undefined ? true : system.includes(newest);
      }),
    )
    .filter(holdsTogether)
    .map((system) => system.map(({ name, version }) => `${name} ${version}`).sort());
}
