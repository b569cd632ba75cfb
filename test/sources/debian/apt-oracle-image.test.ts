import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  openIndexes,
  type PackageIndex,
  readStatus,
  resolveMirrors,
  type Suite,
  solve,
  systemOf,
} from "../../../src/sources/debian/index.ts";
import { type AptOracle, openAptOracle } from "./apt-oracle.ts";
import { compare, solveForOracle } from "./apt-oracle-compare.ts";
import { drawSets, wellKnownPackages } from "./apt-oracle-sets.ts";
import { olderStatus } from "./older-status.ts";

interface Case {
  readonly suite: Suite;
  readonly architecture: string;
  readonly randomSets: number;
  readonly seed: number;
  /** What the image has beside what every system has. */
  readonly image: readonly string[];
  /** How many of the installed sources are of an older version. */
  readonly old: number;
  readonly held?: readonly string[];
  readonly singles?: readonly string[];
}

const tools = ["build-essential", "ca-certificates", "curl", "git", "libssl-dev", "python3-dev"];

const cases: readonly Case[] = [
  {
    suite: "bookworm",
    architecture: "amd64",
    randomSets: 60,
    seed: 21,
    image: [],
    old: 1,
    singles: wellKnownPackages,
  },
  { suite: "bookworm", architecture: "amd64", randomSets: 60, seed: 22, image: tools, old: 0.5 },
  {
    suite: "bookworm",
    architecture: "arm64",
    randomSets: 20,
    seed: 23,
    image: tools,
    old: 0.3,
    held: ["libc6", "perl-base"],
  },
  { suite: "bullseye", architecture: "amd64", randomSets: 20, seed: 24, image: tools, old: 0.7 },
  { suite: "trixie", architecture: "amd64", randomSets: 20, seed: 25, image: tools, old: 0.7 },
];

/** `DEVENV_APT_SEED=7`: other random sets. */
const { DEVENV_APT_SEED: ownSeed } = process.env;

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const mirrors = resolveMirrors();
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "devenv-test-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe.skipIf(!hasApt)("on what an image has, our solutions are apt's", () => {
  for (const [number, one] of cases.entries()) {
    const { architecture, held = [], image, old, randomSets, singles = [], suite } = one;
    const title = `${suite} for ${architecture}, ${image.length} tools, ${old * 100} % of it old, ${held.length} held`;
    test(title, { timeout: 600_000 }, async () => {
      const index = (await openIndexes(suite, [architecture], { store: { root }, mirrors })).get(
        architecture,
      );
      if (index === undefined) throw new Error("no index");
      const seed = ownSeed === undefined ? one.seed : Number(ownSeed);
      const oracle = await openAptOracle({
        directory: join(root, `apt-${number}`),
        index,
        mirrors,
        installed: imageOf(index, image),
        alter: (status) => olderStatus(status, { old, seed, held }),
      });
      const names = [...new Set(index.search("").map(({ name }) => name))].filter(
        (name) => !held.includes(name),
      );
      const sets = [...drawSets(names, randomSets, seed), ...singles.map((name) => [name])];
      const { differences, refused, upgrading } = await compareAll(index, oracle, sets);
      const equal = sets.length - differences.length;
      const summary = `${equal} of ${sets.length} equal, ${refused} of them refused, ${upgrading} with upgrades`;
      console.log([`${title}: ${summary}`, ...differences].join("\n"));
      expect(differences.length, differences.join("\n")).toBeLessThanOrEqual(Math.ceil(sets.length * 0.005));
      expect(upgrading).toBeGreaterThan(sets.length / 10);
    });
  }
});

function imageOf(index: PackageIndex, names: readonly string[]): ReturnType<typeof solve> {
  const base = [...index.essentials(), ...index.required()].map(({ name }) => name);
  return solve(index, [...new Set([...base, "apt", ...names])]);
}

async function compareAll(
  index: PackageIndex,
  oracle: AptOracle,
  sets: readonly (readonly string[])[],
): Promise<{ differences: string[]; refused: number; upgrading: number }> {
  const source = { architecture: index.architecture, name: "status" };
  const system = systemOf("bookworm", index, readStatus(oracle.status, source));
  const differences: string[] = [];
  let [refused, upgrading] = [0, 0];
  const queue = sets.values();
  const work = async (): Promise<void> => {
    for (const set of queue) {
      const apt = await oracle.install(set);
      const ours = solveForOracle(system.index, set, system.installed, system.mayUpgrade);
      const difference = compare(system.index, set, system.installed, apt, ours, true);
      if (difference !== undefined) differences.push(`${set.join(" ")}: ${difference}`);
      else if (ours.refusal !== undefined) refused++;
      else if (apt.upgraded.size > 0) upgrading++;
    }
  };
  await Promise.all([work(), work()]);
  return { differences, refused, upgrading };
}
