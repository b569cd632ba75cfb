import { remove } from "./changes.ts";
import type { Selection } from "./selection.ts";
import type { Package } from "./universe.ts";

/** Takes back every installation that nothing needs any more: what an alternative left behind that failed later. */
export function sweep(selection: Selection): void {
  const needed = new Set<Package>();
  const open: Package[] = [];
  const mark = (pkg: Package): void => {
    if (needed.has(pkg)) return;
    needed.add(pkg);
    open.push(pkg);
  };
  for (const state of selection.present()) {
    if (!state.automatic || state.current !== undefined) mark(state.package);
  }
  for (let pkg = open.pop(); pkg !== undefined; pkg = open.pop()) {
    for (const group of selection.of(pkg).target?.groups ?? []) {
      if (group.negative) continue;
      for (const dependency of group.alternatives) {
        for (const version of selection.matching(dependency, "target")) mark(version.package);
      }
    }
  }
  for (const state of [...selection.present()])
    if (!needed.has(state.package)) remove(selection, state.package);
}
