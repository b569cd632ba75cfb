import { keep, remove } from "./changes.ts";
import { install } from "./install.ts";
import { type Scores, scorePackages } from "./scores.ts";
import type { Selection, State } from "./selection.ts";
import { type Dependency, type Group, type Package, targetsOf, type Version } from "./universe.ts";

/**
 * Mends a selection in which some packages miss something or exclude each other, as apt's problem resolver does: from
 * the weightiest package to the lightest, each either changes the others or gives way. False when something remains
 * broken.
 */
export function repair(selection: Selection, requested: ReadonlySet<Package>): boolean {
  for (let again = true; again; ) {
    again = false;
    for (const state of selection.present()) {
      if (state.mode === "install" || !selection.isBroken(state.package)) continue;
      install(selection, state.package, { withDependencies: false });
      if (selection.of(state.package).mode === "install") again = true;
    }
  }
  if (selection.countBroken() === 0) return true;
  new Repair(selection, requested).run();
  return selection.countBroken() === 0;
}

interface Removal {
  readonly package: Package;
  readonly group: Group;
}

/** One package whose dependencies are being mended. */
interface Patient {
  readonly state: State;
  readonly round: number;
  readonly removals: Removal[];
  /** What becomes of the package if no alternative of the current group helps. */
  lastResort: "keep" | "remove";
}

const ROUNDS = 20;

class Repair {
  readonly #selection: Selection;
  readonly #requested: ReadonlySet<Package>;
  readonly #scores: Scores;
  readonly #order: Set<Package>;
  readonly #reinstated = new Set<Package>();
  #changed = true;

  constructor(selection: Selection, requested: ReadonlySet<Package>) {
    this.#selection = selection;
    this.#requested = requested;
    this.#scores = scorePackages(selection, requested);
    this.#order = new Set([...this.#scores.keys()].sort((a, b) => this.#score(b) - this.#score(a)));
  }

  run(): void {
    for (let round = 0; round < ROUNDS && this.#changed; round++) {
      this.#changed = false;
      for (const { package: pkg } of this.#selection.present()) this.#order.add(pkg);
      for (const pkg of this.#order) {
        if (!this.#selection.isBroken(pkg)) continue;
        const state = this.#selection.of(pkg);
        const patient: Patient = { state, round, removals: [], lastResort: "remove" };
        for (const group of state.target?.groups ?? []) if (this.#mend(patient, group)) break;
        if (state.target !== undefined) for (const removal of patient.removals) this.#apply(patient, removal);
      }
    }
  }

  /** Mends one group; true when the package has changed so that its other groups do not matter now. */
  #mend(patient: Patient, group: Group): boolean {
    const selection = this.#selection;
    const { state, removals } = patient;
    const isChoice = group.alternatives.length > 1;
    const removalsBefore = removals.length;
    patient.lastResort = "remove";
    for (const dependency of group.alternatives) {
      if (selection.holds(group, "target")) return false;
      const versions = targetsOf(dependency);
      if (versions.length === 0 && !group.negative && !state.fixed) {
        if (!selection.isBrokenNow(state.package)) {
          if (isChoice) continue;
          this.#changed = true;
          keep(selection, state.package);
          return true;
        }
        this.#giveWay(patient, isChoice);
        this.#changed = true;
        if (!isChoice) return true;
        continue;
      }
      if (this.#tryVersions(patient, group, dependency, versions) && !isChoice) return true;
    }
    if (isChoice && removals.length === removalsBefore && !selection.holds(group, "target"))
      this.#useLastResort(patient);
    return false;
  }

  /** Goes through what could satisfy the dependency; true when the package gave way. */
  #tryVersions(
    patient: Patient,
    group: Group,
    dependency: Dependency,
    versions: readonly Version[],
  ): boolean {
    const selection = this.#selection;
    const { state, round, removals } = patient;
    const isChoice = group.alternatives.length > 1;
    for (const version of versions) {
      const other = selection.of(version.package);
      if (group.negative && other.target !== version) continue;
      const isNew = !group.negative && !selection.matches(dependency, "current");
      if (isNew || this.#score(state.package) <= this.#score(other.package)) {
        if (state.fixed) {
          if (!this.#reinstate(other.package)) continue;
          this.#scores.set(other.package, Math.min(this.#score(other.package), this.#score(state.package)));
          return false;
        }
        this.#yieldTo(patient, dependency, isChoice);
        if (!isChoice && state.target === undefined && round > 1) this.#raise(state.package, other.package);
        this.#changed = true;
        return true;
      }
      if (group.field === "Breaks" && selection.holds(group, "candidate")) {
        install(selection, other.package, { withDependencies: false });
        continue;
      }
      if (other.fixed && other.mode !== "delete") continue;
      removals.push({ package: other.package, group });
      if (!group.negative) return false;
    }
    return false;
  }

  /** The package is kept, reinstated, removed, or what it needs is installed after all. */
  #yieldTo(patient: Patient, { target }: Dependency, isChoice: boolean): void {
    const selection = this.#selection;
    const { state } = patient;
    const wasInstall = state.mode === "install";
    keep(selection, state.package);
    if (!selection.isBroken(state.package)) {
      patient.lastResort = "keep";
      if (isChoice && wasInstall) install(selection, state.package, { withDependencies: false });
    } else if (this.#reinstate(state.package)) {
      return;
    } else if (!isChoice) {
      remove(selection, state.package);
    } else {
      const wanted = selection.of(target);
      if (wanted.current !== undefined || wanted.mode === "delete" || wanted.candidate === undefined) return;
      const before = selection.countBroken();
      install(selection, target, { withDependencies: true, depth: 1 });
      if (selection.isBroken(target) || selection.countBroken() > before) remove(selection, target);
    }
  }

  #giveWay(patient: Patient, isChoice: boolean): void {
    const selection = this.#selection;
    const { state } = patient;
    const wasInstall = state.mode === "install";
    keep(selection, state.package);
    if (!selection.isBroken(state.package)) {
      patient.lastResort = "keep";
      if (isChoice && wasInstall) install(selection, state.package, { withDependencies: false });
    } else if (!isChoice) {
      remove(selection, state.package);
    }
  }

  #useLastResort({ state, lastResort }: Patient): void {
    if (lastResort === "keep") keep(this.#selection, state.package);
    else if (!state.fixed) remove(this.#selection, state.package);
    else return;
    this.#changed = true;
  }

  #apply({ state, round }: Patient, { package: pkg, group }: Removal): void {
    const selection = this.#selection;
    const done = selection.holds(group, "current")
      ? keep(selection, pkg)
      : group.negative && remove(selection, pkg);
    if (done) this.#changed = true;
    if ((!done || round > 1) && this.#raise(pkg, state.package)) this.#changed = true;
  }

  /** Installs the package and what it needs, once, if that needs no other change; otherwise takes it back. */
  #reinstate(pkg: Package): boolean {
    const selection = this.#selection;
    const state = selection.of(pkg);
    if (this.#reinstated.has(pkg) || state.candidate === undefined || state.candidate === state.current)
      return false;
    if (this.#requested.has(pkg)) return false;
    this.#reinstated.add(pkg);
    const wasKept = state.mode === "keep";
    if (!install(selection, pkg, { withDependencies: false }) || state.target === undefined) return false;
    if (state.target.groups.every((group) => this.#reinstateGroup(group))) return true;
    if (wasKept) keep(selection, pkg);
    else remove(selection, pkg);
    return false;
  }

  #reinstateGroup(group: Group): boolean {
    let succeeded = true;
    for (const dependency of group.alternatives) {
      if (this.#selection.holds(group, "target")) break;
      const pkg = soleTarget(dependency);
      if (this.#selection.of(pkg).fixed) {
        succeeded = false;
      } else if (this.#selection.matches(dependency, "candidate") !== group.negative) {
        succeeded = this.#reinstate(pkg);
        if (succeeded) break;
      } else if (group.negative) {
        break;
      } else {
        succeeded = false;
      }
    }
    return succeeded;
  }

  #score(pkg: Package): number {
    return this.#scores.get(pkg) ?? 0;
  }

  /** Gives the first package at least the weight of the second; true when that is more than it had. */
  #raise(pkg: Package, to: Package): boolean {
    if (this.#score(to) <= this.#score(pkg)) return false;
    this.#scores.set(pkg, this.#score(to));
    return true;
  }
}

/** The package of the name; for a virtual name the first provider. */
function soleTarget({ target, owner }: Dependency): Package {
  if (target.versions.length > 0) return target;
  return (
    target.provisions.find(({ provider }) => provider.package !== owner.package)?.provider.package ?? target
  );
}
