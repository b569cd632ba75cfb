import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  openIndexes,
  type PackageIndex,
  type PackageRecord,
  resolveMirrors,
  type Suite,
} from "../../../src/sources/debian/index.ts";
import { solve } from "../../../src/sources/debian/solver.ts";
import { type AptAnswer, openAptOracle } from "./apt-oracle.ts";
import { compare, solveForOracle } from "./apt-oracle-compare.ts";
import { drawSets, wellKnownPackages } from "./apt-oracle-sets.ts";

/** As many as there are processors on a small machine. */
const APTS_AT_ONCE = 2;

interface Case {
  readonly suite: Suite;
  readonly architecture: string;
  readonly randomSets: number;
  readonly seed: number;
  readonly singles: readonly string[];
}

const cases: readonly Case[] = [
  { suite: "bookworm", architecture: "amd64", randomSets: 300, seed: 12, singles: wellKnownPackages },
  { suite: "bookworm", architecture: "arm64", randomSets: 40, seed: 13, singles: [] },
  { suite: "bullseye", architecture: "amd64", randomSets: 40, seed: 11, singles: [] },
  { suite: "trixie", architecture: "amd64", randomSets: 40, seed: 14, singles: [] },
];

/** `DEVENV_APT_SETS="git vim, nginx"`: these sets instead of the others. `DEVENV_APT_SEED=7`: other random sets. */
const { DEVENV_APT_SETS: ownSets, DEVENV_APT_SEED: ownSeed } = process.env;

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const mirrors = resolveMirrors();
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "devenv-test-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe.skipIf(!hasApt)("our solutions are apt's", () => {
  for (const { suite, architecture, randomSets, seed, singles } of cases) {
    const title = `${suite} for ${architecture}, ${randomSets} random sets, ${singles.length} well-known packages`;
    test(title, { timeout: 600_000 }, async () => {
      const indexes = await openIndexes(suite, [architecture], { store: { root }, mirrors });
      const index = indexes.get(architecture);
      if (index === undefined) throw new Error("no index");
      const installed = solve(index, namesOfBase(index));
      const directory = join(root, `apt-${suite}-${architecture}`);
      const oracle = await openAptOracle({ directory, index, mirrors, installed });
      const drawn = drawSets(namesOf(index), randomSets, ownSeed === undefined ? seed : Number(ownSeed));
      const sets = ownSets === undefined ? [...drawn, ...singles.map((name) => [name])] : setsOf(ownSets);
      const answers = await mapInParallel(sets, (set) => oracle.install(set));
      const { equal, refused, milliseconds, differences } = compareAll(index, installed, sets, answers);
      const summary = `${equal} of ${sets.length} equal, ${refused} of them refused; ours took ${milliseconds} ms`;
      console.log([`${suite} ${architecture}: ${summary}`, ...differences].join("\n"));
      // One of the small samples is not yet more than one in two hundred.
      const allowed = Math.ceil(sets.length * 0.005);
      expect(sets.length - equal, differences.join("\n")).toBeLessThanOrEqual(allowed);
    });
  }
});

function setsOf(text: string): string[][] {
  const sets = text.split(",").map((set) => set.trim().split(/\s+/).filter(Boolean));
  return sets.filter((set) => set.length > 0);
}

/** What a bootstrap installs first. */
function namesOfBase(index: PackageIndex): string[] {
  return [...new Set([...index.essentials(), ...index.required()].map(({ name }) => name)), "apt"];
}

function namesOf(index: PackageIndex): string[] {
  return [...new Set(index.search("").map(({ name }) => name))];
}

function compareAll(
  index: PackageIndex,
  installed: readonly PackageRecord[],
  sets: readonly (readonly string[])[],
  answers: readonly AptAnswer[],
): { equal: number; refused: number; milliseconds: number; differences: string[] } {
  const start = performance.now();
  const ours = sets.map((set) => solveForOracle(index, set, installed));
  const milliseconds = Math.round(performance.now() - start);
  const differences: string[] = [];
  let refused = 0;
  for (const [number, set] of sets.entries()) {
    const [apt, own] = [answers[number], ours[number]];
    if (apt === undefined || own === undefined) throw new Error("a set without an answer");
    const difference = compare(index, set, installed, apt, own);
    if (difference !== undefined) differences.push(`${set.join(" ")}: ${difference}`);
    else if (own.refusal !== undefined) refused++;
  }
  return { equal: sets.length - differences.length, refused, milliseconds, differences };
}

async function mapInParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [number, item] of queue) results[number] = await work(item);
  };
  await Promise.all(Array.from({ length: APTS_AT_ONCE }, worker));
  return results;
}
