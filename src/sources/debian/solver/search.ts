import { candidatesFor } from "./candidates.ts";
import type { Selection } from "./selection.ts";
import { type Group, type Package, targetsOf, type Version } from "./universe.ts";

/** Why a version must be there. */
export type Cause =
  | { readonly kind: "requested" }
  | { readonly kind: "installed" }
  /** In place of an older version that is installed. */
  | { readonly kind: "upgraded" }
  | { readonly kind: "needed"; readonly group: Group };

/** Why a search found nothing: two facts that exclude each other, with all that leads to them. */
export interface Conflict {
  /** What all versions in play are there for. */
  readonly causes: ReadonlyMap<Version, Cause>;
  /** For versions that must not be there, the Conflicts or Breaks that says so. */
  readonly exclusions: ReadonlyMap<Version, Group>;
  readonly found:
    | { readonly kind: "missing"; readonly group: Group }
    | { readonly kind: "excluded"; readonly version: Version; readonly group: Group }
    | { readonly kind: "choice"; readonly group: Group; readonly options: ReadonlyMap<Version, Conflict> }
    | { readonly kind: "gave up" };
}

/** A set of versions that holds together, or why there is none. */
export type SearchResult =
  | { readonly versions: readonly Version[]; readonly conflict?: undefined }
  | { readonly conflict: Conflict };

/**
 * Looks for any set of candidates that holds together and keeps all that is installed: what has no alternative is
 * settled first, then alternatives are tried from left to right, with a way back. In `selection` only the targets of
 * installed packages may have been decided.
 */
export function search(selection: Selection, requested: readonly Package[]): SearchResult {
  const search = new Search(selection);
  const facts = new Facts();
  const present = [...selection.present()];
  const installed = present.map(({ target }) => target);
  const first = present.map(({ current, target }): [Version, Cause] => [
    target,
    { kind: target === current ? "installed" : "upgraded" },
  ]);
  for (const pkg of requested) {
    const candidate = selection.of(pkg).candidate;
    if (candidate !== undefined && !installed.includes(candidate))
      first.push([candidate, { kind: "requested" }]);
  }
  const conflict = search.settle(facts, first);
  if (conflict !== undefined) return { conflict };
  return search.choose(facts);
}

/** The packages between which a conflict is: another version of one of them may be the way out. */
export function packagesIn({ exclusions, found }: Conflict): Package[] {
  if (found.kind === "gave up") return [];
  const { group } = found;
  const packages = [group.owner.package];
  if (found.kind === "excluded") return [...packages, found.version.package];
  for (const dependency of group.alternatives) {
    packages.push(dependency.target);
    for (const version of targetsOf(dependency)) {
      const exclusion = exclusions.get(version);
      packages.push(version.package);
      if (exclusion !== undefined) packages.push(exclusion.owner.package);
    }
  }
  if (found.kind === "choice") packages.push(...[...found.options.values()].flatMap(packagesIn));
  return packages;
}

/** Enough for every request that a person can still understand. */
const MAXIMAL_CHOICES = 5000;

/** What is settled so far. */
class Facts {
  readonly causes = new Map<Version, Cause>();
  readonly exclusions = new Map<Version, Group>();
  /** Groups with more than one way to satisfy them. */
  readonly open = new Set<Group>();

  copy(): Facts {
    const copy = new Facts();
    for (const [version, cause] of this.causes) copy.causes.set(version, cause);
    for (const [version, group] of this.exclusions) copy.exclusions.set(version, group);
    for (const group of this.open) copy.open.add(group);
    return copy;
  }
}

class Search {
  readonly #selection: Selection;
  readonly #options = new Map<Group, readonly Version[]>();
  /** The groups that a version is an option of. */
  readonly #optionOf = new Map<Version, Group[]>();
  #choices = 0;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  /** Tries the alternatives of the first open group, and goes on from there. */
  choose(facts: Facts): SearchResult {
    for (const group of facts.open) {
      const options = this.#possible(facts, group);
      if (options.some((version) => facts.causes.has(version))) {
        facts.open.delete(group);
        continue;
      }
      return this.#tryOptions(facts, group, options);
    }
    return { versions: [...facts.causes.keys()] };
  }

  #tryOptions(facts: Facts, group: Group, options: readonly Version[]): SearchResult {
    const failures = new Map<Version, Conflict>();
    for (const version of options) {
      if (++this.#choices > MAXIMAL_CHOICES) return { conflict: { ...facts, found: { kind: "gave up" } } };
      const branch = facts.copy();
      branch.open.delete(group);
      const conflict = this.settle(branch, [[version, { kind: "needed", group }]]);
      const result = conflict === undefined ? this.choose(branch) : { conflict };
      if (result.conflict === undefined) return result;
      if (result.conflict.found.kind === "gave up") return result;
      failures.set(version, result.conflict);
    }
    return { conflict: { ...facts, found: { kind: "choice", group, options: failures } } };
  }

  /** Adds versions and everything that follows from them without a choice. */
  settle(facts: Facts, first: readonly [Version, Cause][]): Conflict | undefined {
    const queue = [...first];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [version, cause] = next;
      if (facts.causes.has(version)) continue;
      facts.causes.set(version, cause);
      const exclusion = facts.exclusions.get(version);
      if (exclusion !== undefined)
        return { ...facts, found: { kind: "excluded", version, group: exclusion } };
      // Exclusions come first, so that the choice between alternatives is made without those that cannot be.
      const narrowed = new Set<Group>();
      for (const group of version.groups) {
        const conflict = group.negative ? this.#exclude(facts, group, narrowed) : undefined;
        if (conflict !== undefined) return conflict;
      }
      for (const group of version.groups) {
        if (group.negative) continue;
        facts.open.add(group);
        narrowed.add(group);
      }
      for (const group of narrowed) {
        const possible = this.#possible(facts, group);
        const [only] = possible;
        if (only === undefined) return { ...facts, found: { kind: "missing", group } };
        if (possible.some((option) => facts.causes.has(option))) facts.open.delete(group);
        else if (possible.length === 1) queue.push([only, { kind: "needed", group }]);
      }
    }
    return undefined;
  }

  /** Notes what must not be there; adds the open groups that lose an option by it to `narrowed`. */
  #exclude(facts: Facts, group: Group, narrowed: Set<Group>): Conflict | undefined {
    for (const version of this.#candidates(group)) {
      if (facts.causes.has(version)) return { ...facts, found: { kind: "excluded", version, group } };
      if (facts.exclusions.has(version)) continue;
      facts.exclusions.set(version, group);
      for (const other of this.#optionOf.get(version) ?? []) if (facts.open.has(other)) narrowed.add(other);
    }
    return undefined;
  }

  #possible(facts: Facts, group: Group): readonly Version[] {
    return this.#candidates(group).filter((version) => !facts.exclusions.has(version));
  }

  /** Every candidate that the group speaks of, in apt's order. */
  #candidates(group: Group): readonly Version[] {
    let found = this.#options.get(group);
    if (found === undefined) {
      found = candidatesFor(this.#selection, group, "candidate");
      this.#options.set(group, found);
      if (!group.negative) for (const version of found) this.#noteOption(version, group);
    }
    return found;
  }

  #noteOption(version: Version, group: Group): void {
    const groups = this.#optionOf.get(version);
    if (groups === undefined) this.#optionOf.set(version, [group]);
    else groups.push(group);
  }
}
