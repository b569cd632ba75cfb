import { explainConflict } from "./explain.ts";
import { requestedPackages } from "./request.ts";
import { install } from "./solver/install.ts";
import { repair } from "./solver/repair.ts";
import { packagesIn, search } from "./solver/search.ts";
import { Selection } from "./solver/selection.ts";
import { sweep } from "./solver/sweep.ts";
import { type Package, type Universe, universeOf, type Version } from "./solver/universe.ts";
import type { PackageIndex, PackageRecord } from "./types.ts";

/** What {@link solve} starts from. */
export interface SolveOptions {
  /** What is there already and stays. */
  readonly installed?: readonly PackageRecord[];
  /**
   * Whether a newer version may take the place of an installed package that something else needs; none unless given.
   */
  readonly mayUpgrade?: (record: PackageRecord) => boolean;
  /** The versions to take of packages that have several; the highest unless given. */
  readonly preferred?: ReadonlyMap<string, PackageRecord>;
}

/**
 * Which packages to install so that those of the names in `requested` work: the same answer as
 * `apt-get install --no-install-recommends` gives for the sorted names, but nothing that is installed is removed or
 * becomes older, and nothing is left over from alternatives that were given up, which apt leaves when something
 * suggests it. Without what stays installed, sorted by name. The order of `requested` does not matter.
 *
 * @throws DevenvError `DEVENV_PACKAGE_UNKNOWN`; `DEVENV_UNSATISFIABLE` with the chain of reasons.
 */
export function solve(
  index: PackageIndex,
  requested: readonly string[],
  options: SolveOptions = {},
): PackageRecord[] {
  const universe = universeOf(index);
  const packages = requestedPackages(universe, requested);
  const versions = solveAsApt(universe, packages, options) ?? searchAll(universe, packages, options);
  return versions.map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function solveAsApt(
  universe: Universe,
  packages: readonly Package[],
  options: SolveOptions,
): Version[] | undefined {
  const selection = start(universe, options);
  for (const pkg of packages) {
    selection.of(pkg).fixed = true;
    install(selection, pkg, { withDependencies: false, byUser: true });
  }
  for (const pkg of packages) install(selection, pkg, { withDependencies: true, byUser: true });
  if (!repair(selection, new Set(packages))) return undefined;
  sweep(selection);
  const present = [...selection.present()];
  const kept = present.filter(({ current }) => current !== undefined);
  // apt would rather remove something installed, which is no answer here.
  if (kept.length !== (options.installed?.length ?? 0)) return undefined;
  return present.filter(({ current, target }) => current !== target).map(({ target }) => target);
}

/**
 * Apt's way does not try every combination of alternatives; this does. It begins with as much as possible as it is
 * installed, and goes on to newer versions of what is in the way.
 */
function searchAll(universe: Universe, packages: readonly Package[], options: SolveOptions): Version[] {
  const upgraded = new Set(packages);
  for (;;) {
    const selection = start(universe, options);
    const upgradable = decideInstalled(selection, upgraded);
    const result = search(selection, packages);
    if (result.conflict === undefined)
      return result.versions.filter((version) => selection.of(version.package).current !== version);
    const next = packagesIn(result.conflict).filter((pkg) => upgradable.has(pkg));
    if (next.length === 0) throw explainConflict(result.conflict, packages);
    for (const pkg of next) upgraded.add(pkg);
  }
}

/** Fixes the version of all that is installed; returns what has a newer one and stays. */
function decideInstalled(selection: Selection, upgraded: ReadonlySet<Package>): Set<Package> {
  const upgradable = new Set<Package>();
  for (const { package: pkg } of [...selection.present()]) {
    const state = selection.of(pkg);
    if (upgraded.has(pkg)) state.target = state.candidate;
    else if (state.candidate !== state.current) upgradable.add(pkg);
    state.candidate = state.target;
  }
  return upgradable;
}

function start(universe: Universe, { installed = [], mayUpgrade, preferred }: SolveOptions): Selection {
  return new Selection(
    universe,
    installed.map((record) => universe.version(record)),
    preferred,
    mayUpgrade,
  );
}
