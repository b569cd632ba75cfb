import { candidatesFor } from "./candidates.ts";
import { isRemovable, keep, mayBecome, remove, take } from "./changes.ts";
import type { Selection, State } from "./selection.ts";
import type { Group, Package, Version } from "./universe.ts";

export interface InstallOptions {
  /** Install what the package needs and remove what it excludes as well. */
  readonly withDependencies: boolean;
  /** The user asked for it by name. */
  readonly byUser?: boolean;
  readonly depth?: number;
}

interface Step extends Required<InstallOptions> {
  readonly selection: Selection;
  readonly state: State;
  /** The package was fixed before the step, so that its only choices become fixed as well. */
  readonly spreads: boolean;
}

/**
 * Marks the candidate of the package for installation, depth first and from left to right: of the alternatives the
 * first that can be had wins. False when a thing it needs cannot be had; what was marked until then stays marked and
 * is swept away at the end, as apt does it.
 *
 * When the package is fixed, so becomes everything it leaves no choice about: what it excludes can no longer be
 * chosen by others, and others' alternatives are taken instead of running into the conflict later.
 */
export function install(selection: Selection, pkg: Package, options: InstallOptions): boolean {
  const { withDependencies, byUser = false, depth = 0 } = options;
  const state = selection.of(pkg);
  const onlySpreads = state.fixed && state.mode === "keep" && state.candidate === state.current;
  if (depth > MAXIMAL_DEPTH) return false;
  if (!onlySpreads && !byUser && !mayBecome(selection, pkg, "install")) return false;
  if (state.candidate === undefined) return false;
  if (!state.fixed && !selection.isBroken(pkg)) {
    if (state.candidate === state.current) return state.target !== undefined || keep(selection, pkg);
    if (state.mode === "install") return true;
  }
  if (withDependencies && !hasPossibleDependencies(selection, state, state.candidate)) return false;
  if (byUser) take(state, true);
  if (!withDependencies) {
    if (!byUser) take(state, false);
    return true;
  }
  return installWithDependencies({ selection, state, withDependencies, byUser, depth, spreads: state.fixed });
}

function installWithDependencies(step: Step): boolean {
  const { selection, state, spreads, byUser } = step;
  const candidate = state.candidate;
  if (candidate === undefined) return false;
  const failsEarly = !spreads && !byUser;
  const open = candidate.groups.filter((group) => spreads || !selection.holds(group, "target"));
  const removals: Package[] = [];

  let succeeded = excludeConflicts(step, open, removals);
  if (!succeeded && failsEarly) return false;
  if (!byUser) take(state, false);

  state.fixed = true;
  try {
    succeeded = installDependencies(step, open) && succeeded;
    if (!succeeded && failsEarly) {
      giveUp(state);
      return false;
    }
    for (const pkg of removals) {
      if (remove(selection, pkg)) continue;
      succeeded = false;
      if (failsEarly) {
        giveUp(state);
        return false;
      }
    }
    return succeeded;
  } finally {
    state.fixed = spreads;
  }
}

/** Deep enough for every archive, and below the depth at which the call stack ends. */
const MAXIMAL_DEPTH = 3000;

/**
 * Whether each thing the candidate needs is there or could be installed. If not, it stops being a candidate, so that
 * nobody tries again.
 */
function hasPossibleDependencies(selection: Selection, state: State, candidate: Version): boolean {
  if (candidate === state.current) return true;
  for (const group of candidate.groups) {
    if (group.negative || selection.holds(group, "target") || selection.holds(group, "candidate")) continue;
    if (!state.fixed) {
      state.candidate = state.current;
      if (state.mode !== "delete") state.mode = "keep";
    }
    return false;
  }
  return true;
}

/** Sees to it that nothing the package excludes is there, and if it spreads, that nothing will be. */
function excludeConflicts(step: Step, open: readonly Group[], removals: Package[]): boolean {
  const { selection, spreads, byUser } = step;
  let succeeded = true;
  for (const group of open) {
    if (!group.negative) continue;
    for (const version of candidatesFor(selection, group, "candidate")) {
      const other = selection.of(version.package);
      if (other.candidate !== version) continue;
      if (other.current === version) {
        succeeded = excludeInstalled(step, other, removals) && succeeded;
      } else if (other.mode === "install" && !keep(selection, other.package)) {
        succeeded = false;
      } else if (spreads) {
        other.candidate = other.target;
        if (other.current === undefined) other.fixed = true;
      }
      if (!succeeded && !spreads && !byUser) return false;
    }
    for (const version of candidatesFor(selection, group, "current")) {
      const other = selection.of(version.package);
      if (other.candidate === other.current) continue;
      succeeded = excludeInstalled(step, other, removals) && succeeded;
      if (!succeeded && !spreads && !byUser) return false;
    }
  }
  return succeeded;
}

function excludeInstalled(step: Step, other: State, removals: Package[]): boolean {
  const { selection, spreads } = step;
  if (!spreads) {
    if (other.mode === "delete") return true;
    if (!mayBecome(selection, other.package, "delete") || !isRemovable(other)) return false;
    removals.push(other.package);
    return true;
  }
  if (other.mode !== "delete" && !remove(selection, other.package)) return false;
  other.candidate = other.target;
  other.fixed = true;
  return true;
}

function installDependencies(step: Step, open: readonly Group[]): boolean {
  const { selection, spreads, byUser } = step;
  let succeeded = true;
  for (const group of open) {
    if (group.negative) continue;
    if (selection.holds(group, "target")) {
      if (spreads && !spreadTo(step, group)) succeeded = false;
      continue;
    }
    if (installAlternative(step, group)) continue;
    succeeded = false;
    if (!spreads && !byUser) return false;
  }
  return succeeded;
}

/** Fixes the one package that can satisfy the group, if it is one. */
function spreadTo({ selection, depth }: Step, group: Group): boolean {
  const possible = candidatesFor(selection, group, "candidate", "current");
  const [only] = possible;
  if (only === undefined || possible.length !== 1) return true;
  const state = selection.of(only.package);
  if (state.fixed) return true;
  state.fixed = true;
  return install(selection, only.package, { withDependencies: true, depth: depth + 1 });
}

function installAlternative({ selection, spreads, depth }: Step, group: Group): boolean {
  const possible = candidatesFor(selection, group, "candidate");
  for (const version of possible) {
    const state = selection.of(version.package);
    if (state.candidate !== version) continue;
    if (spreads && possible.length === 1) {
      if (!install(selection, version.package, { withDependencies: false, depth: depth + 1 })) continue;
      state.fixed = true;
    }
    if (install(selection, version.package, { withDependencies: true, depth: depth + 1 })) return true;
  }
  return false;
}

/** Takes the installation back, for good: the version is no candidate any more. */
function giveUp(state: State): void {
  if (state.mode === "keep" && state.target === state.candidate && state.candidate === state.current) return;
  state.target = state.current;
  state.mode = "keep";
  state.candidate = state.current;
}
