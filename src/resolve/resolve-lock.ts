import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import {
  type Lock,
  type LockedImageBase,
  type LockedPackage,
  type LockedPlatform,
  type LockedToolchain,
  lockedPackages,
  type Platform,
  requestOf,
} from "../lock/index.ts";
import { type PackageIndex, type PackageRecord, type System, solve } from "../sources/debian/index.ts";
import { baseNames } from "./base.ts";
import { installationStages } from "./stages.ts";

/** What the sources say about one platform: the distribution's indexes, or the image that is the base. */
export type PlatformInputs = PackageIndex | BaseImage;

/** An image as its registry describes it. */
export interface BaseImage extends LockedImageBase {
  /** Seconds since 1970; 0 when the image does not say when it was made. */
  readonly created: number;
  /** What it has and could have; absent when no packages are asked for. */
  readonly system?: System;
  /** What is locked, when it is right already. */
  readonly locked?: LockedPlatform;
}

/** The toolchains that were chosen for each platform. */
export type Toolchains = ReadonlyMap<Platform, readonly LockedToolchain[]>;

/**
 * Decides what every platform of the configuration gets: a pure function of configuration, what the sources say, the
 * toolchains that were chosen and the lock there was. What `previous` has stays in its version as long as the indexes
 * list it and nothing needs another one.
 *
 * @throws DevenvError `DEVENV_PACKAGE_UNKNOWN`, `DEVENV_UNSATISFIABLE`.
 */
export function resolveLock(
  configuration: Configuration,
  inputs: ReadonlyMap<Platform, PlatformInputs>,
  previous?: Lock,
  toolchains: Toolchains = new Map(),
): Lock {
  const platforms: [Platform, LockedPlatform][] = configuration.platforms.map((platform) => {
    const input = inputs.get(platform);
    if (input === undefined) throw new Error(`Assertion failed: nothing is known of ${platform}`);
    const request = { configuration, toolchains: toolchains.get(platform) ?? [] };
    return [platform, resolvePlatform(request, input, previous?.platforms[platform])];
  });
  return {
    lockVersion: 1,
    request: requestOf(configuration),
    platforms: Object.fromEntries(platforms),
  };
}

/** What one platform is to have. */
interface PlatformRequest {
  readonly configuration: Configuration;
  readonly toolchains: readonly LockedToolchain[];
}

function resolvePlatform(
  request: PlatformRequest,
  input: PlatformInputs,
  previous: LockedPlatform | undefined,
): LockedPlatform {
  const { configuration, toolchains } = request;
  if ("created" in input) return platformOfImage(request, input, previous);
  const languages = toolchains.length === 0 ? {} : { toolchains };
  const index = input;
  if (configuration.base.kind !== "bootstrap") throw new Error("Assertion failed: the base is an image");
  const { distribution, kind, suite } = configuration.base;
  const { base, packages } = choosePackages(requestedPackages(request), index, previous);
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
    ...languages,
  };
}

/** Packages that the configuration names and those that toolchains bring along, each once. */
function requestedPackages({ configuration, toolchains }: PlatformRequest): string[] {
  const ofToolchains = toolchains.flatMap(({ packages, libraries = [] }) => [...packages, ...libraries]);
  return [...new Set([...configuration.packages, ...ofToolchains])];
}

function platformOfImage(
  request: PlatformRequest,
  { created, locked, system, ...image }: BaseImage,
  previous: LockedPlatform | undefined,
): LockedPlatform {
  if (locked !== undefined) return locked;
  const { distribution: _, releases: __, suite: ___, ...base } = image;
  const requested = requestedPackages(request);
  const languages = request.toolchains.length === 0 ? {} : { toolchains: request.toolchains };
  if (system === undefined || requested.length === 0)
    return { base, epoch: created, packages: [], ...languages };
  const { index, installed, mayUpgrade, suite } = system;
  const packages = preferringLocked(index, previous, (preferred) =>
    solve(index, requested, { installed, mayUpgrade, preferred }),
  );
  const stages = installationStages(installed, packages);
  return {
    base: { ...base, distribution: "debian", suite, releases: index.releases },
    epoch: created,
    packages: packages.map((one) => lockedPackage(one, stages.get(one.name))),
    ...languages,
  };
}

interface Choice {
  readonly base: PackageRecord[];
  readonly packages: PackageRecord[];
}

function choosePackages(
  requested: readonly string[],
  index: PackageIndex,
  previous: LockedPlatform | undefined,
): Choice {
  return preferringLocked(index, previous, (preferred) => {
    const base = solve(index, [...baseNames(index).keys()], { preferred });
    return { base, packages: solve(index, requested, { installed: base, preferred }) };
  });
}

function preferringLocked<T>(
  index: PackageIndex,
  previous: LockedPlatform | undefined,
  choose: (preferred: ReadonlyMap<string, PackageRecord>) => T,
): T {
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
