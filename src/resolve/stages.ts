import { type PackageRecord, parseRelations, type RelationGroup } from "../sources/debian/index.ts";
import { PackageSet } from "./package-set.ts";

/** What one package waits for. */
interface Edge {
  readonly to: PackageRecord;
  /** 1: `to` has to be configured before the package is unpacked; 0: before, or together when, it is configured. */
  readonly distance: 0 | 1;
}

/**
 * In which stage each package is installed on top of `base`, or in place of an older version there, by name. The
 * packages of one stage are unpacked together and configured together: whatever a package depends on is in the same
 * stage or an earlier one, and whatever it pre-depends on in an earlier one (Debian Policy 7.2). What cannot be
 * beside an older version comes when the newer one does. Packages that pre-depend on each other share a stage, as
 * there is no right order for them.
 */
export function installationStages(
  base: readonly PackageRecord[],
  packages: readonly PackageRecord[],
): Map<string, number> {
  const stages = new Map<string, number>();
  const added = new PackageSet(packages);
  const [replaced, kept] = [base.filter(isReplaced), base.filter((one) => !isReplaced(one))];
  const edges = edgesOf(kept, added, packages);
  addExclusions(edges, replaced, added, packages);
  for (const group of cycles(packages, edges)) {
    const members = new Set(group);
    const outward = group.flatMap((one) => edges.get(one) ?? []).filter(({ to }) => !members.has(to));
    const stage = Math.max(0, ...outward.map(({ to, distance }) => (stages.get(to.name) ?? 0) + distance));
    for (const { name } of group) stages.set(name, stage);
  }
  return stages;

  function isReplaced({ name }: PackageRecord): boolean {
    return added.get(name) !== undefined;
  }
}

function edgesOf(
  kept: readonly PackageRecord[],
  added: PackageSet,
  packages: readonly PackageRecord[],
): Map<PackageRecord, Edge[]> {
  const base = new PackageSet(kept);
  const fields = (one: PackageRecord) => [
    { text: one.preDepends, distance: 1 as const },
    { text: one.depends, distance: 0 as const },
  ];
  return new Map(
    packages.map((one) => [
      one,
      fields(one).flatMap(({ text, distance }) =>
        parseRelations(text)
          .filter((group) => base.satisfying(group) === undefined)
          .flatMap((group) => added.satisfying(group) ?? [])
          .filter((to) => to !== one)
          .map((to) => ({ to, distance })),
      ),
    ]),
  );
}

/** Between an older version and what it excludes, or is excluded by, stands the newer version. */
function addExclusions(
  edges: Map<PackageRecord, Edge[]>,
  replaced: readonly PackageRecord[],
  added: PackageSet,
  packages: readonly PackageRecord[],
): void {
  const older = new PackageSet(replaced);
  const note = (
    from: PackageRecord | undefined,
    old: PackageRecord | undefined,
    distance: Edge["distance"],
  ): void => {
    const to = old === undefined ? undefined : added.get(old.name);
    if (from !== undefined && to !== undefined && from !== to) edges.get(from)?.push({ to, distance });
  };
  for (const one of packages)
    for (const { distance, group } of excludedBy(one)) note(one, older.satisfying(group), distance);
  for (const old of replaced)
    for (const { distance, group } of excludedBy(old)) note(added.satisfying(group), old, distance);
}

/** What a package breaks may be there as long as neither is configured, what it conflicts with may not. */
function excludedBy({ breaks, conflicts }: PackageRecord): { group: RelationGroup; distance: 0 | 1 }[] {
  return [
    ...parseRelations(breaks).map((group) => ({ group, distance: 0 as const })),
    ...parseRelations(conflicts).map((group) => ({ group, distance: 1 as const })),
  ];
}

/**
 * The strongly connected components of the graph, each after those it leads to (Tarjan, "Depth-first search and linear
 * graph algorithms", 1972).
 */
function cycles(
  packages: readonly PackageRecord[],
  edges: ReadonlyMap<PackageRecord, Edge[]>,
): PackageRecord[][] {
  const found: PackageRecord[][] = [];
  const numbers = new Map<PackageRecord, number>();
  const lowest = new Map<PackageRecord, number>();
  const path: PackageRecord[] = [];
  const onPath = new Set<PackageRecord>();

  const visit = (one: PackageRecord): number => {
    const number = numbers.size;
    numbers.set(one, number);
    path.push(one);
    onPath.add(one);
    let low = number;
    for (const { to } of edges.get(one) ?? []) {
      if (!numbers.has(to)) low = Math.min(low, visit(to));
      else if (onPath.has(to)) low = Math.min(low, lowest.get(to) ?? numbers.get(to) ?? low);
    }
    lowest.set(one, low);
    if (low === number) {
      const group = path.splice(path.indexOf(one));
      for (const member of group) onPath.delete(member);
      found.push(group);
    }
    return low;
  };

  for (const one of packages) if (!numbers.has(one)) visit(one);
  return found;
}
