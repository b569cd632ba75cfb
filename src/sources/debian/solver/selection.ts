import { fulfils } from "../relation.ts";
import type { PackageRecord } from "../types.ts";
import { compareVersions } from "../version.ts";
import {
  type Dependency,
  type Group,
  ignored,
  type Package,
  type Universe,
  type Version,
} from "./universe.ts";

/** What a solution does with a package: leave it as it is, install the candidate, remove it. */
export type Mode = "keep" | "install" | "delete";

/** What the solver has decided about one package so far. */
export interface State {
  readonly package: Package;
  /** The version that is installed before the solution is applied. */
  readonly current: Version | undefined;
  /** The version that an installation would take. */
  candidate: Version | undefined;
  /** The version that is there once the solution is applied. */
  target: Version | undefined;
  mode: Mode;
  /** Only the user, or a consequence of what the user asked for, may change this package. */
  fixed: boolean;
  /** Nobody asked for it by name. */
  automatic: boolean;
}

/** Which of the three versions of {@link State} a question is about. */
export type Moment = "current" | "candidate" | "target";

/** A partial solution: the packages looked at so far, each with its {@link State}. */
export class Selection {
  readonly #states = new Map<Package, State>();
  readonly #universe: Universe;
  readonly #preferred: ReadonlyMap<string, PackageRecord>;
  readonly #mayUpgrade: (record: PackageRecord) => boolean;

  constructor(
    universe: Universe,
    installed: Iterable<Version>,
    preferred: ReadonlyMap<string, PackageRecord> = new Map(),
    mayUpgrade: (record: PackageRecord) => boolean = () => false,
  ) {
    this.#universe = universe;
    this.#preferred = preferred;
    this.#mayUpgrade = mayUpgrade;
    for (const version of installed) this.#add(version.package, version);
  }

  of(pkg: Package): State {
    return this.#states.get(pkg) ?? this.#add(pkg, undefined);
  }

  #add(pkg: Package, current: Version | undefined): State {
    const candidate = current === undefined ? this.#candidate(pkg) : this.#upgrade(current);
    const state: State = {
      package: pkg,
      current,
      candidate,
      target: current,
      mode: "keep",
      fixed: false,
      automatic: false,
    };
    this.#states.set(pkg, state);
    return state;
  }

  #candidate(pkg: Package): Version | undefined {
    const preferred = this.#preferred.get(pkg.name);
    return preferred === undefined ? pkg.versions[0] : this.#universe.version(preferred);
  }

  /** What is installed stays, or becomes newer. */
  #upgrade(current: Version): Version {
    const candidate = this.#mayUpgrade(current.record) ? this.#candidate(current.package) : undefined;
    const isNewer =
      candidate !== undefined && compareVersions(candidate.record.version, current.record.version) > 0;
    return isNewer ? candidate : current;
  }

  /** The states of all packages that are there once the solution is applied. */
  *present(): Generator<State & { target: Version }> {
    for (const state of this.#states.values()) if (hasTarget(state)) yield state;
  }

  /** Whether the relation holds; for a negative group, whether nothing it excludes is there. */
  holds(group: Group, moment: Moment): boolean {
    if (group.negative) return !group.alternatives.some((dependency) => this.matches(dependency, moment));
    return group.alternatives.some((dependency) => this.matches(dependency, moment));
  }

  /** Whether there is a version that the dependency speaks of. */
  matches(dependency: Dependency, moment: Moment): boolean {
    const { target, constraint } = dependency;
    if (!ignored(dependency, target)) {
      const version = this.#at(target, moment);
      if (version !== undefined && fulfils(version.record.version, constraint)) return true;
    }
    for (const { provider, version } of target.provisions) {
      if (ignored(dependency, provider.package)) continue;
      if (this.#at(provider.package, moment) === provider && fulfils(version, constraint)) return true;
    }
    return false;
  }

  /** The versions of this moment that the dependency speaks of. */
  matching(dependency: Dependency, moment: Moment): Version[] {
    const { target, constraint } = dependency;
    const found: Version[] = [];
    const own = this.#at(target, moment);
    if (own !== undefined && !ignored(dependency, target) && fulfils(own.record.version, constraint))
      found.push(own);
    for (const { provider, version } of target.provisions) {
      if (ignored(dependency, provider.package) || found.includes(provider)) continue;
      if (this.#at(provider.package, moment) === provider && fulfils(version, constraint))
        found.push(provider);
    }
    return found;
  }

  /** Whether the package will be there without something it needs, or with something it excludes. */
  isBroken(pkg: Package): boolean {
    const target = this.#states.get(pkg)?.target;
    return target !== undefined && !target.groups.every((group) => this.holds(group, "target"));
  }

  /** Like {@link isBroken}, for what is installed now. */
  isBrokenNow(pkg: Package): boolean {
    const current = this.#states.get(pkg)?.current;
    return current !== undefined && !current.groups.every((group) => this.holds(group, "current"));
  }

  countBroken(): number {
    let count = 0;
    for (const state of this.present()) if (this.isBroken(state.package)) count++;
    return count;
  }

  #at(pkg: Package, moment: Moment): Version | undefined {
    const state = this.#states.get(pkg);
    if (state !== undefined) return state[moment];
    return moment === "candidate" ? this.#candidate(pkg) : undefined;
  }
}

function hasTarget(state: State): state is State & { target: Version } {
  return state.target !== undefined;
}
