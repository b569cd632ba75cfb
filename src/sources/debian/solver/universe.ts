import {
  fulfils,
  parseRelations,
  type Relation,
  type RelationGroup,
  type VersionConstraint,
} from "../relation.ts";
import type { PackageIndex, PackageRecord } from "../types.ts";
import { compareVersions } from "../version.ts";

/** A package name and what the index knows about it. Purely virtual and unknown names have no versions. */
export interface Package {
  readonly name: string;
  /** All versions, the highest first. */
  readonly versions: readonly Version[];
  /** The versions of other packages that provide this name, the last one listed in the index first. */
  readonly provisions: readonly Provision[];
  /** When the index mentions the name first, see `PackageRecord.order`. */
  readonly order: number;
}

/** One version of a package. */
export interface Version {
  readonly package: Package;
  readonly record: PackageRecord;
  /** Pre-Depends, Depends, Conflicts and Breaks, in this order. */
  readonly groups: readonly Group[];
}

/** That `provider` stands for a package name, at `version` when the Provides field gives one. */
export interface Provision {
  readonly provider: Version;
  readonly version: string | undefined;
}

/** Alternatives of one relation field. Conflicts and Breaks are negative: none of theirs may be installed. */
export interface Group {
  readonly owner: Version;
  readonly field: RelationField;
  readonly negative: boolean;
  readonly alternatives: readonly Dependency[];
  readonly relations: RelationGroup;
}

/** One alternative of a group. */
export interface Dependency {
  readonly owner: Version;
  readonly negative: boolean;
  readonly target: Package;
  readonly constraint: VersionConstraint | undefined;
}

/** The relation fields that decide what may be installed together. */
export type RelationField = "Pre-Depends" | "Depends" | "Conflicts" | "Breaks";

/** The index as a graph that is made where somebody looks. */
export interface Universe {
  readonly index: PackageIndex;
  package(name: string): Package;
  /** The version that stands for a record of the index. */
  version(record: PackageRecord): Version;
}

const universes = new WeakMap<PackageIndex, Universe>();

/** The graph of an index; always the same one for the same index. */
export function universeOf(index: PackageIndex): Universe {
  let universe = universes.get(index);
  if (universe === undefined) {
    universe = new LazyUniverse(index);
    universes.set(index, universe);
  }
  return universe;
}

/**
 * All versions that satisfy the dependency, the package's own before its providers. A package never conflicts with
 * itself, neither by its own name nor by a name it provides (Debian Policy 7.4).
 */
export function targetsOf(dependency: Dependency): Version[] {
  const { target, constraint } = dependency;
  const found: Version[] = [];
  if (!ignored(dependency, target)) {
    for (const version of target.versions) {
      if (fulfils(version.record.version, constraint)) found.push(version);
    }
  }
  for (const { provider, version } of target.provisions) {
    if (!ignored(dependency, provider.package) && fulfils(version, constraint)) found.push(provider);
  }
  return found;
}

/** Whether a relation to `target` means nothing because it is the owner itself. */
export function ignored(dependency: Dependency, target: Package): boolean {
  return dependency.negative && dependency.owner.package === target;
}

class LazyUniverse implements Universe {
  readonly index: PackageIndex;
  readonly #packages = new Map<string, LazyPackage>();

  constructor(index: PackageIndex) {
    this.index = index;
  }

  package(name: string): LazyPackage {
    let found = this.#packages.get(name);
    if (found === undefined) {
      found = new LazyPackage(this, name);
      this.#packages.set(name, found);
    }
    return found;
  }

  version(record: PackageRecord): LazyVersion {
    const found = this.package(record.name).versions.find((version) => version.record === record);
    if (found === undefined)
      throw new Error(`Assertion failed: ${record.name} ${record.version} is not of the index.`);
    return found;
  }

  /**
   * The package a relation names; `name:any` has a place of its own, filled by packages that are Multi-Arch:
   * allowed.
   */
  target({ name, qualifier }: Relation): Package {
    const own = qualifier === undefined || qualifier === "native" || qualifier === this.index.architecture;
    return this.package(own ? name : `${name}:${qualifier}`);
  }
}

class LazyPackage implements Package {
  readonly name: string;
  readonly #universe: LazyUniverse;
  #versions: readonly LazyVersion[] | undefined;
  #provisions: readonly Provision[] | undefined;

  constructor(universe: LazyUniverse, name: string) {
    this.#universe = universe;
    this.name = name;
  }

  get versions(): readonly LazyVersion[] {
    this.#versions ??= this.#universe.index
      .byName(this.name)
      .map((record) => new LazyVersion(this.#universe, this, record))
      .sort((a, b) => compareVersions(b.record.version, a.record.version));
    return this.#versions;
  }

  get order(): number {
    return Math.min(...this.versions.map((version) => version.record.order));
  }

  get provisions(): readonly Provision[] {
    this.#provisions ??= this.name.endsWith(":any") ? this.#findAny() : this.#findProvisions();
    return this.#provisions;
  }

  #findProvisions(): Provision[] {
    const found: Provision[] = [];
    for (const record of this.#universe.index.providers(this.name)) {
      const provider = this.#universe.version(record);
      for (const { name, version } of provider.provides) {
        if (name !== this.name || (name === record.name && (version ?? record.version) === record.version))
          continue;
        found.push({ provider, version });
      }
    }
    return found.reverse();
  }

  #findAny(): Provision[] {
    const plain = this.#universe.package(this.name.slice(0, -":any".length));
    const own = plain.versions.map((provider) => ({ provider, version: provider.record.version }));
    return [...own, ...plain.provisions].filter(({ provider }) => provider.record.multiArch === "allowed");
  }
}

class LazyVersion implements Version {
  readonly package: LazyPackage;
  readonly record: PackageRecord;
  readonly #universe: LazyUniverse;
  #groups: readonly Group[] | undefined;
  #provides: readonly ProvidedName[] | undefined;

  constructor(universe: LazyUniverse, owner: LazyPackage, record: PackageRecord) {
    this.#universe = universe;
    this.package = owner;
    this.record = record;
  }

  get groups(): readonly Group[] {
    this.#groups ??= [
      ...this.#parse("Pre-Depends", this.record.preDepends),
      ...this.#parse("Depends", this.record.depends),
      ...this.#parse("Conflicts", this.record.conflicts),
      ...this.#parse("Breaks", this.record.breaks),
    ];
    return this.#groups;
  }

  get provides(): readonly ProvidedName[] {
    this.#provides ??= providedNames(this.record, this.#universe.index.architecture);
    return this.#provides;
  }

  #parse(field: RelationField, text: string): Group[] {
    if (text === "") return [];
    const negative = field === "Conflicts" || field === "Breaks";
    return parseRelations(text).map((relations) => ({
      owner: this,
      field,
      negative,
      relations,
      alternatives: relations.map((relation) => ({
        owner: this,
        negative,
        target: this.#universe.target(relation),
        constraint: relation.constraint,
      })),
    }));
  }
}

interface ProvidedName {
  readonly name: string;
  readonly version: string | undefined;
}

/** The names a record provides for its own architecture. A relation other than `=` is none (Debian Policy 7.5). */
function providedNames(record: PackageRecord, architecture: string): ProvidedName[] {
  return parseRelations(record.provides)
    .flat()
    .filter(({ constraint }) => constraint === undefined || constraint.operator === "=")
    .filter(({ qualifier }) => qualifier === undefined || qualifier === architecture)
    .map(({ name, constraint }) => ({ name, version: constraint?.version }));
}
