import { isEssential } from "./changes.ts";
import type { Moment, Selection, State } from "./selection.ts";
import type { Dependency, Group, Version } from "./universe.ts";

/**
 * The versions that could satisfy the group, or that a negative group excludes, in the order in which apt tries them:
 * alternatives from left to right, for each the package itself and its providers by preference, but what is installed
 * already before everything else.
 */
export function candidatesFor(selection: Selection, group: Group, ...moments: Moment[]): Version[] {
  const installed: Version[] = [];
  const others: Version[] = [];
  for (const dependency of group.alternatives) {
    const versions = moments.flatMap((moment) => selection.matching(dependency, moment));
    if (versions.length > 1) versions.sort(byPreference(selection, dependency));
    for (const version of versions) {
      const list = selection.of(version.package).current === undefined ? others : installed;
      if (!list.includes(version)) list.push(version);
    }
  }
  const found = [...installed, ...others];
  return group.negative ? found : found.filter((version) => !isRuledOut(selection.of(version.package)));
}

function isRuledOut(state: State): boolean {
  return state.fixed && (state.mode === "delete" || (state.mode === "keep" && state.current === undefined));
}

/** The order of apt's CompareProviders, for one architecture. */
function byPreference(selection: Selection, dependency: Dependency): (a: Version, b: Version) => number {
  return (a, b) => {
    const left = selection.of(a.package);
    const right = selection.of(b.package);
    return (
      first(left.fixed, right.fixed) ||
      first(isInstalledSame(left), isInstalledSame(right)) ||
      first(left.current !== undefined, right.current !== undefined) ||
      first(a.package === dependency.target, b.package === dependency.target) ||
      first(isEssential(a.package), isEssential(b.package)) ||
      priority(a) - priority(b) ||
      b.package.order - a.package.order
    );
  };
}

function isInstalledSame({ current }: State): boolean {
  return current?.record.multiArch === "same";
}

function first(a: boolean, b: boolean): number {
  return Number(b) - Number(a);
}

const priorities = ["required", "important", "standard", "optional"];

function priority(version: Version): number {
  const rank = priorities.indexOf(version.record.priority);
  return rank < 0 ? priorities.length : rank;
}
