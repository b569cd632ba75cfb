import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import {
  configurationDigest,
  type Lock,
  type LockedImageBase,
  type LockedPackage,
  type LockedPlatform,
  lockedPackages,
  type Platform,
} from "../lock/index.ts";
import { type PackageIndex, type PackageRecord, solve } from "../sources/debian/index.ts";
import { baseNames } from "./base.ts";
import { installationStages } from "./stages.ts";

/** What the sources say about one platform: the distribution's indexes, or the image that is the base. */
export type PlatformInputs = PackageIndex | BaseImage;

/** An image as its registry describes it. */
export interface BaseImage extends LockedImageBase {
  /** Seconds since 1970; 0 when the image does not say when it was made. */
  readonly created: number;
}

/**
 * Decides what every platform of the configuration gets: a pure function of configuration, what the sources say and
 * the lock there was. What `previous` has stays in its version as long as the indexes list it and nothing needs
 * another one.
 *
 * @throws DevenvError `DEVENV_PACKAGE_UNKNOWN`, `DEVENV_UNSATISFIABLE`.
 */
export function resolveLock(
  configuration: Configuration,
  inputs: ReadonlyMap<Platform, PlatformInputs>,
  previous?: Lock,
): Lock {
  const platforms: [Platform, LockedPlatform][] = configuration.platforms.map((platform) => {
    const input = inputs.get(platform);
    if (input === undefined) throw new Error(`Assertion failed: nothing is known of ${platform}`);
    return [platform, resolvePlatform(configuration, input, previous?.platforms[platform])];
  });
  return {
    lockVersion: 1,
    configuration: configurationDigest(configuration),
    platforms: Object.fromEntries(platforms),
  };
}

function resolvePlatform(
  configuration: Configuration,
  input: PlatformInputs,
  previous: LockedPlatform | undefined,
): LockedPlatform {
  if ("created" in input) return platformOfImage(input);
  const index = input;
  if (configuration.base.kind !== "bootstrap") throw new Error("Assertion failed: the base is an image");
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

function platformOfImage({ created, ...base }: BaseImage): LockedPlatform {
  return { base, epoch: created, packages: [] };
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
  const packages = locked === undefined ? [] : lockedPackages(locked);
  const records = packages.flatMap(
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
