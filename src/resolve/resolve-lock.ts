import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import {
  configurationDigest,
  type Lock,
  type LockedPackage,
  type LockedPlatform,
  type Platform,
} from "../lock/index.ts";
import { type PackageIndex, type PackageRecord, solve } from "../sources/debian/index.ts";
import { baseNames } from "./base.ts";
import { installationStages } from "./stages.ts";

/**
 * Decides what every platform of the configuration gets: a pure function of configuration, indexes and the lock there
 * was. What `previous` has stays in its version as long as the indexes list it and nothing needs another one.
 *
 * @throws DevenvError `DEVENV_PACKAGE_UNKNOWN`, `DEVENV_UNSATISFIABLE`.
 */
export function resolveLock(
  configuration: Configuration,
  indexes: ReadonlyMap<Platform, PackageIndex>,
  previous?: Lock,
): Lock {
  const platforms: [Platform, LockedPlatform][] = configuration.platforms.map((platform) => {
    const index = indexes.get(platform);
    if (index === undefined) throw new Error(`Assertion failed: no index for ${platform}`);
    return [platform, resolvePlatform(configuration, index, previous?.platforms[platform])];
  });
  return {
    lockVersion: 1,
    configuration: configurationDigest(configuration),
    platforms: Object.fromEntries(platforms),
  };
}

function resolvePlatform(
  configuration: Configuration,
  index: PackageIndex,
  previous: LockedPlatform | undefined,
): LockedPlatform {
  const { distribution, kind, suite } = configuration.base;
  const { base, packages } = choosePackages(configuration, index, previous);
  const stages = installationStages(base, packages);
  return {
    base: {
      kind,
      distribution,
      suite,
      releases: index.releases,
      packages: base.map((one) => lockedPackage(one)),
    },
    epoch: epochOf(index, suite),
    packages: packages.map((one) => lockedPackage(one, stages.get(one.name))),
  };
}

interface Choice {
  readonly base: PackageRecord[];
  readonly packages: PackageRecord[];
}

function choosePackages(
  configuration: Configuration,
  index: PackageIndex,
  previous: LockedPlatform | undefined,
): Choice {
  const choose = (preferred: ReadonlyMap<string, PackageRecord>): Choice => {
    const base = solve(index, [...baseNames(index).keys()], { preferred });
    return { base, packages: solve(index, configuration.packages, { installed: base, preferred }) };
  };
  const preferred = stillListed(index, previous);
  if (preferred.size === 0) return choose(preferred);
  try {
    return choose(preferred);
  } catch (error) {
    // Something new needs something newer than what is locked.
    if (error instanceof DevenvError && error.code === "DEVENV_UNSATISFIABLE") return choose(new Map());
    throw error;
  }
}

/** The packages of a lock as the index knows them, without those that it lists no longer. */
function stillListed(index: PackageIndex, locked: LockedPlatform | undefined): Map<string, PackageRecord> {
  const records = [...(locked?.base.packages ?? []), ...(locked?.packages ?? [])].flatMap(
    ({ name, sha256 }) => index.byName(name).find((record) => record.sha256 === sha256) ?? [],
  );
  return new Map(records.map((record) => [record.name, record]));
}

function lockedPackage(record: PackageRecord, stage = 0): LockedPackage {
  const { name, version, architecture, sha256, size, archive, path } = record;
  return { name, version, architecture, sha256, size, archive, path, ...(stage === 0 ? {} : { stage }) };
}

/**
 * Seconds since 1970 of the release's own date, which is that of its last point release. Updates and security updates
 * come daily; with their dates a base would differ every day in which none of its packages changed.
 */
function epochOf(index: PackageIndex, suite: string): number {
  const release = index.releases.find((one) => one.suite === suite);
  if (release === undefined) throw new Error(`Assertion failed: the index has no release ${suite}`);
  return Math.floor(Date.parse(release.date) / 1000);
}
