import type { DistributionSource } from "../languages/index.ts";
import type { LockedPackage } from "../lock/index.ts";
import { newestOf, type PackageIndex, type PackageRecord } from "../sources/debian/index.ts";

/** A toolchain that a distribution has. */
export interface DistributionVersion {
  readonly version: string;
  /** What `{1}` stands for. */
  readonly name: string;
}

/** All versions of a toolchain that the index has, each from the newest version of its package. */
export function distributionVersions(source: DistributionSource, index: PackageIndex): DistributionVersion[] {
  return namesOf(source, index).flatMap(({ packageName, name }) => {
    const records = index.byName(packageName);
    const version = records.length === 0 ? undefined : toolchainVersion(source, newestOf(records));
    return version === undefined ? [] : [{ version, name }];
  });
}

/** Whether a lock's packages are a toolchain in this version, and the index still lists the one that says so. */
export function isDistributionVersion(
  source: DistributionSource,
  index: PackageIndex,
  packages: readonly LockedPackage[],
  version: string,
): boolean {
  return packages.some(
    (one) =>
      nameIn(source, one.name) !== undefined &&
      toolchainVersion(source, one) === version &&
      index.byName(one.name).some(({ sha256 }) => sha256 === one.sha256),
  );
}

function namesOf(source: DistributionSource, index: PackageIndex): { packageName: string; name: string }[] {
  const { package: wanted } = source;
  const names =
    typeof wanted === "string" ? [wanted] : index.search(wanted.word).map((record) => record.name);
  return [...new Set(names)].flatMap((packageName) => {
    const name = nameIn(source, packageName);
    return name === undefined ? [] : [{ packageName, name }];
  });
}

/** What `{1}` stands for; undefined for another package. */
function nameIn({ package: wanted }: DistributionSource, packageName: string): string | undefined {
  if (typeof wanted === "string") return packageName === wanted ? "" : undefined;
  const match = wanted.name.exec(packageName);
  return match === null ? undefined : (match[1] ?? "");
}

/** `3.1.7+really3.1.2-0+deb12u1` is 3.1.2: a distribution's way to take an update back. */
function toolchainVersion(
  { version }: DistributionSource,
  record: Pick<PackageRecord, "version">,
): string | undefined {
  const upstream = record.version
    .replace(/^\d+:/, "")
    .replace(/-[^-]*$/, "")
    .replace(/^.*\+really/, "");
  return (version ?? /^\d+(?:\.\d+)*/).exec(upstream)?.[0];
}
