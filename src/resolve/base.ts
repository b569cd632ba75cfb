import type { PackageIndex, PackageRecord } from "../sources/debian/index.ts";

/** Why a package is one of those that a base is made from. */
export type BaseReason = "Essential: yes" | "Priority: required" | "the package manager of the base";

/**
 * The names a base is bootstrapped from, each with the reason; what they need comes with them. It is the set that
 * `mmdebstrap --variant=minbase` takes: the essential packages, those of priority `required`, and apt.
 */
export function baseNames(index: PackageIndex): Map<string, BaseReason> {
  const names = new Map<string, BaseReason>();
  const add = (records: readonly PackageRecord[], reason: BaseReason) => {
    for (const { name } of records) if (!names.has(name)) names.set(name, reason);
  };
  add(index.essentials(), "Essential: yes");
  add(index.required(), "Priority: required");
  add(index.byName("apt"), "the package manager of the base");
  return names;
}
