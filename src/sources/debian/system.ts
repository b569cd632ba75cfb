import { parseRelations } from "./relation.ts";
import type { InstalledPackage } from "./status.ts";
import type { PackageIndex, PackageRecord, Suite } from "./types.ts";

/** A system on which packages can be installed. */
export interface System {
  readonly suite: Suite;
  /** The index of its release, with the installed versions that it does not list. */
  readonly index: PackageIndex;
  /** What is installed, as `index` has it. */
  readonly installed: readonly PackageRecord[];
  /** Whether a newer version may take the place of an installed package. */
  readonly mayUpgrade: (record: PackageRecord) => boolean;
}

/** What is installed and what could be, seen together: a version that the index lists is the index's own. */
export function systemOf(suite: Suite, index: PackageIndex, packages: readonly InstalledPackage[]): System {
  const installed = packages.map(({ record }) => listed(index, record) ?? record);
  const held = new Set(packages.flatMap(({ record, held }) => (held ? [record.name] : [])));
  const unlisted = installed.filter((record) => record.sha256 === "");
  return {
    suite,
    index: unlisted.length === 0 ? index : withRecords(index, unlisted),
    installed,
    mayUpgrade: ({ name }) => !held.has(name),
  };
}

function listed(
  index: PackageIndex,
  { name, version, architecture }: PackageRecord,
): PackageRecord | undefined {
  return index.byName(name).find((one) => one.version === version && one.architecture === architecture);
}

function withRecords(index: PackageIndex, records: readonly PackageRecord[]): PackageIndex {
  const names = new Map(records.map((record) => [record.name, record]));
  const providers = new Map<string, PackageRecord[]>();
  for (const record of records) {
    for (const name of new Set(
      parseRelations(record.provides).flatMap((group) => group.map((one) => one.name)),
    ))
      providers.set(name, [...(providers.get(name) ?? []), record]);
  }
  const memory = new Map<string, readonly PackageRecord[]>();
  const merged = (
    kind: "byName" | "providers",
    name: string,
    more: readonly PackageRecord[],
  ): readonly PackageRecord[] => {
    if (more.length === 0) return index[kind](name);
    const key = `${kind} ${name}`;
    const found = memory.get(key) ?? [...index[kind](name), ...more];
    memory.set(key, found);
    return found;
  };
  return {
    ...index,
    byName: (name) => {
      const own = names.get(name);
      return merged("byName", name, own === undefined ? [] : [own]);
    },
    providers: (name) => merged("providers", name, providers.get(name) ?? []),
  };
}
