import type { Mode, Selection, State } from "./selection.ts";
import type { Package } from "./universe.ts";

/** Leaves the package as it is installed now, or not installed. False when it may not be changed. */
export function keep(selection: Selection, pkg: Package): boolean {
  if (!mayBecome(selection, pkg, "keep")) return false;
  const state = selection.of(pkg);
  if (state.mode === "keep") return true;
  state.mode = "keep";
  state.target = state.current;
  return true;
}

/** Removes the package, or takes back its installation. False when it may not be changed. */
export function remove(selection: Selection, pkg: Package): boolean {
  if (!mayBecome(selection, pkg, "delete")) return false;
  const state = selection.of(pkg);
  if (state.mode === "delete" || state.target === undefined) return true;
  if (!isRemovable(state)) return false;
  state.mode = state.current === undefined ? "keep" : "delete";
  state.target = undefined;
  return true;
}

/** Takes the candidate version, without a look at what it needs. */
export function take(state: State, byUser: boolean): void {
  if (state.fixed && state.target === state.candidate) return;
  state.target = state.candidate;
  state.mode = state.candidate === state.current ? "keep" : "install";
  if (state.current === undefined) state.automatic = !byUser;
}

/** Whether somebody other than the user may bring the package into this mode. */
export function mayBecome(selection: Selection, pkg: Package, mode: Mode): boolean {
  if (pkg.versions.length === 0) return false;
  const state = selection.of(pkg);
  if (state.mode === mode) return true;
  return !state.fixed && !(mode === "delete" && isEssential(pkg));
}

/** What the user asked for is not taken back; what others asked for may be. */
export function isRemovable(state: State): boolean {
  return state.current !== undefined || state.target === undefined || state.automatic;
}

/** apt counts itself among the essential packages, and so decides no solution by removing itself. */
export function isEssential(pkg: Package): boolean {
  return pkg.name === "apt" || pkg.versions.some((version) => version.record.essential);
}
