import type { LockedRelease } from "../../lock/types.ts";
import type { CompactIndex } from "./compact-read.ts";
import type { PackageIndex, PackageRecord } from "./types.ts";

/** One index out of those of several suites, given in the suites' order. */
export function mergeIndexes(
  architecture: string,
  releases: readonly LockedRelease[],
  parts: readonly CompactIndex[],
): PackageIndex {
  const memory = {
    byName: new Map<string, PackageRecord[]>(),
    providers: new Map<string, PackageRecord[]>(),
  };
  const lookUp = (kind: "byName" | "providers", name: string): readonly PackageRecord[] => {
    const known = memory[kind].get(name);
    if (known !== undefined) return known;
    const found = withoutCopies(parts.flatMap((part) => part[kind](name)));
    memory[kind].set(name, found);
    return found;
  };
  return {
    architecture,
    releases,
    byName: (name) => lookUp("byName", name),
    providers: (name) => lookUp("providers", name),
    essentials: () => withoutCopies(parts.flatMap((part) => part.essentials())),
    required: () => withoutCopies(parts.flatMap((part) => part.required())),
    search: (word) => searchAll(withoutCopies(parts.flatMap((part) => part.all())), word),
  };
}

/** A point release takes over what the updates had: the same file is then listed twice. */
function withoutCopies(records: PackageRecord[]): PackageRecord[] {
  if (records.length < 2) return records;
  const first = new Map<string, PackageRecord>();
  for (const record of records) {
    const key = `${record.name} ${record.version} ${record.architecture}`;
    if (!first.has(key)) first.set(key, record);
  }
  return first.size === records.length ? records : [...first.values()];
}

/** The name itself, names that begin with the word, names that hold it, descriptions that do; each by name. */
function searchAll(records: readonly PackageRecord[], word: string): PackageRecord[] {
  const wanted = word.toLowerCase();
  const rank = (record: PackageRecord): number => {
    if (record.name === wanted) return 0;
    if (record.name.startsWith(wanted)) return 1;
    if (record.name.includes(wanted)) return 2;
    return record.description?.toLowerCase().includes(wanted) === true ? 3 : -1;
  };
  return records
    .map((record) => ({ record, rank: rank(record) }))
    .filter((match) => match.rank >= 0)
    .sort(
      (a, b) =>
        a.rank - b.rank || (a.record.name < b.record.name ? -1 : a.record.name > b.record.name ? 1 : 0),
    )
    .map((match) => match.record);
}
