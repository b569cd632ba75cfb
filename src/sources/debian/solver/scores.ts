import { fulfils } from "../relation.ts";
import { isEssential } from "./changes.ts";
import type { Selection } from "./selection.ts";
import { type Dependency, type Group, ignored, type Package } from "./universe.ts";

/** How much would break if a package went away: apt's measure for which side of a conflict gives way. */
export type Scores = Map<Package, number>;

/**
 * Weighs the packages that are there: by priority, by the number of packages that need them, by the weight of those,
 * and above all by whether the user asked for them or the system cannot be without them.
 */
export function scorePackages(selection: Selection, requested: ReadonlySet<Package>): Scores {
  const own: Scores = new Map();
  const needs: { from: Package; to: Package }[] = [];
  for (const { package: pkg, target, current, candidate } of selection.present()) {
    if (isEssential(pkg)) add(own, pkg, ESSENTIAL);
    add(own, pkg, priorityScores[target.record.priority] ?? EXTRA);
    // What no archive has any more is worth less.
    if (current !== undefined && candidate !== undefined && candidate.record.path !== "") add(own, pkg, 1);
    for (const group of target.groups) {
      for (const dependency of group.alternatives) {
        scoreTargets(selection, own, group, dependency);
        if (!group.negative) needs.push({ from: pkg, to: dependency.target });
      }
    }
  }

  const scores = new Map(own);
  for (const { from, to } of needs) {
    const weight = own.get(from) ?? 0;
    if (weight > 0 && selection.of(to).target !== undefined) add(scores, to, weight);
  }
  for (const [pkg, score] of [...scores]) {
    const gained = Math.abs(score - (own.get(pkg) ?? 0));
    if (gained === 0) continue;
    const providers = pkg.provisions.map(({ provider }) => provider);
    for (const provider of new Set(providers)) {
      if (selection.of(provider.package).target === provider) add(scores, provider.package, gained);
    }
  }
  for (const pkg of requested) add(scores, pkg, REQUESTED);
  for (const { package: pkg } of selection.present()) if (isEssential(pkg)) add(scores, pkg, NEVER_REMOVED);
  return scores;
}

function scoreTargets(selection: Selection, scores: Scores, group: Group, dependency: Dependency): void {
  const { target, constraint } = dependency;
  const points = group.negative ? -1 : 1;
  if (!ignored(dependency, target)) {
    const version = selection.of(target).target;
    if (constraint !== undefined && !(version !== undefined && fulfils(version.record.version, constraint)))
      return;
    add(scores, target, points);
  }
  const providers = new Set<Package>();
  for (const { provider, version } of target.provisions) {
    if (ignored(dependency, provider.package) || !fulfils(version, constraint)) continue;
    if (selection.of(provider.package).target === provider) providers.add(provider.package);
  }
  for (const provider of providers) add(scores, provider, points);
}

function add(scores: Scores, pkg: Package, points: number): void {
  scores.set(pkg, (scores.get(pkg) ?? 0) + points);
}

const EXTRA = -2;
const ESSENTIAL = 100;
const REQUESTED = 10_000;
const NEVER_REMOVED = 5_000;
const priorityScores: Readonly<Record<string, number>> = {
  required: 3,
  important: 2,
  standard: 1,
  optional: -1,
  extra: EXTRA,
};
