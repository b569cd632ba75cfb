import { DevenvError } from "../../../src/errors.ts";
import type { PackageIndex, PackageRecord } from "../../../src/sources/debian/index.ts";
import { formatRelations } from "../../../src/sources/debian/relation.ts";
import { targetsOf, universeOf } from "../../../src/sources/debian/solver/universe.ts";
import { type SolveOptions, solve } from "../../../src/sources/debian/solver.ts";
import type { AptAnswer } from "./apt-oracle.ts";

/** Our answer in the form of apt's. */
export interface OurAnswer {
  readonly installed: ReadonlyMap<string, string>;
  readonly refusal?: string;
}

/** `mayUpgrade` as in {@link solve}. */
export function solveForOracle(
  index: PackageIndex,
  names: readonly string[],
  installed: readonly PackageRecord[],
  mayUpgrade?: SolveOptions["mayUpgrade"],
): OurAnswer {
  try {
    const records = solve(index, names, { installed, ...(mayUpgrade === undefined ? {} : { mayUpgrade }) });
    return { installed: new Map(records.map((record) => [record.name, record.version])) };
  } catch (error) {
    if (!(error instanceof DevenvError)) throw error;
    return { installed: new Map(), refusal: `${error.code}: ${error.message}` };
  }
}

/**
 * How the two answers differ, as text for a person; undefined when they are the same. Two refusals are the same, and
 * so is a refusal and an answer of apt's that removes what is installed, or replaces it and we never do.
 */
export function compare(
  index: PackageIndex,
  names: readonly string[],
  installed: readonly PackageRecord[],
  answer: AptAnswer,
  ours: OurAnswer,
  mayUpgrade = false,
): string | undefined {
  const changed = [...answer.changed, ...(mayUpgrade ? [] : answer.upgraded.keys())];
  const apt = { ...answer, installed: new Map([...answer.installed, ...answer.upgraded]) };
  const aptRefuses = apt.refusal !== undefined || changed.length > 0;
  if (aptRefuses && ours.refusal !== undefined) return undefined;
  if (apt.refusal !== undefined) return `apt refuses, we do not: ${apt.refusal}`;
  if (changed.length > 0) return `apt would change ${changed.join(" ")}, we do not`;
  if (ours.refusal !== undefined) return `we refuse, apt does not: ${ours.refusal}`;

  const onlyApt = [...apt.installed].filter(([name, version]) => ours.installed.get(name) !== version);
  const onlyOurs = [...ours.installed].filter(([name, version]) => apt.installed.get(name) !== version);
  if (onlyApt.length === 0 && onlyOurs.length === 0) return undefined;
  return [
    `only apt takes ${listed(onlyApt)}; only we take ${listed(onlyOurs)}`,
    ...leftOver(index, names, apt.installed),
    ...groupsSatisfiedDifferently(index, installed, apt.installed, ours.installed),
  ].join("\n  ");
}

function listed(versions: readonly (readonly [string, string])[]): string {
  return versions.length === 0 ? "nothing" : versions.map((version) => version.join(" ")).join(", ");
}

/**
 * What apt takes and nothing of it needs. Apt comes by it when it chooses an alternative, with all that it needs, and
 * drops the alternative later; it keeps what something installed recommends or suggests.
 */
function leftOver(
  index: PackageIndex,
  names: readonly string[],
  taken: ReadonlyMap<string, string>,
): string[] {
  const universe = universeOf(index);
  const needed = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const version = taken.get(name);
    const record = index.byName(name).find((known) => known.version === version);
    if (record === undefined) continue;
    for (const group of universe.version(record).groups) {
      if (!group.negative)
        open.push(...group.alternatives.flatMap(targetsOf).map((target) => target.record.name));
    }
  }
  const rest = [...taken.keys()].filter((name) => !needed.has(name));
  return rest.length === 0 ? [] : [`apt leaves behind what nothing needs: ${rest.join(" ")}`];
}

/** For each package that both take, what it needs and each satisfies with something else. */
function groupsSatisfiedDifferently(
  index: PackageIndex,
  installed: readonly PackageRecord[],
  apt: ReadonlyMap<string, string>,
  ours: ReadonlyMap<string, string>,
): string[] {
  const there = new Map(installed.map((record) => [record.name, record.version]));
  const universe = universeOf(index);
  const lines: string[] = [];
  for (const [name, number] of apt) {
    const record = index.byName(name).find(({ version }) => version === number);
    if (record === undefined || ours.get(name) !== number) continue;
    for (const group of universe.version(record).groups) {
      if (group.negative) continue;
      const satisfying = (taken: ReadonlyMap<string, string>): string =>
        group.alternatives
          .flatMap(targetsOf)
          .map((version) => version.record)
          .filter((other) => (taken.get(other.name) ?? there.get(other.name)) === other.version)
          .map((other) => other.name)
          .join(" ");
      const [theirs, own] = [satisfying(apt), satisfying(ours)];
      if (theirs === own) continue;
      lines.push(
        `${name} needs ${formatRelations(group.relations)}: apt has ${theirs || "nothing"}, we ${own || "nothing"}`,
      );
    }
  }
  return lines;
}
