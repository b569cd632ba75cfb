import { didYouMean } from "../config/similar.ts";
import { DevenvError } from "../errors.ts";
import {
  basePackages,
  type Lock,
  type LockedPackage,
  type LockedPlatform,
  type LockedToolchain,
  lockedPackages,
  type Platform,
} from "../lock/index.ts";
import {
  formatRelations,
  type PackageIndex,
  type PackageRecord,
  parseRelations,
  type System,
} from "../sources/debian/index.ts";
import { baseNames } from "./base.ts";
import { PackageSet } from "./package-set.ts";

/** Why one package is in the lock. */
export interface Reason {
  readonly name: string;
  readonly version: string;
  /** The layer it belongs to. */
  readonly layer: "base" | "packages";
  /** The shortest chain from each package that leads here and was asked for: the configuration's first. */
  readonly chains: readonly (readonly ReasonStep[])[];
}

/** One link of a chain; the last one is the package itself. */
export interface ReasonStep {
  readonly name: string;
  readonly version: string;
  /**
   * Why it is there: `devenv.jsonc`, the toolchain that needs it, what makes it part of every base, or the relation
   * of the step before.
   */
  readonly because: string;
}

/**
 * Who asked for a package of a lock: itself, when the name is that of a package, otherwise those that provide the
 * name; for the platforms that have it. Relations come from the index; a locked version that is listed no longer has
 * those of the version that took its place. An image is reason enough for what it has itself.
 *
 * @throws DevenvError `DEVENV_NOT_LOCKED` when no platform has anything of the name.
 */
export function explainWhy(
  indexes: ReadonlyMap<Platform, PackageIndex | System>,
  lock: Lock,
  name: string,
  requested: readonly string[],
): Map<Platform, Reason[]> {
  const reasons = new Map<Platform, Reason[]>();
  for (const [platform, index] of indexes) {
    const locked = lock.platforms[platform];
    const found = locked === undefined ? [] : reasonsOn(index, locked, name, requested);
    if (found.length > 0) reasons.set(platform, found);
  }
  if (reasons.size === 0) throw notLocked(name, lock);
  return reasons;
}

function reasonsOn(
  source: PackageIndex | System,
  locked: LockedPlatform,
  name: string,
  requested: readonly string[],
): Reason[] {
  const { index, installed } = "index" in source ? source : { index: source, installed: undefined };
  const packages = locked.packages.flatMap((one) => recordOf(index, one));
  const newer = new Set(packages.map((one) => one.name));
  const base =
    installed?.filter((one) => !newer.has(one.name)) ??
    basePackages(locked).flatMap((one) => recordOf(index, one));
  const all = new PackageSet([...base, ...packages]);
  const ofBase = installed === undefined ? baseNames(index) : new Map<string, string>();
  const roots = rootsOf(all, requested, locked.toolchains ?? [], ofBase);
  const inBase = new Set(base);
  const own = all.get(name);
  return (own === undefined ? all.providing(name) : [own]).map((record) => ({
    name: record.name,
    version: record.version,
    layer: inBase.has(record) ? "base" : "packages",
    chains: [...roots, ...rootsOfImage(locked, installed, record)]
      .map(({ root, because }) => shortestChain(all, root, because, record))
      .filter((chain) => chain !== undefined)
      .sort((a, b) => Number(isOfBase(a, ofBase)) - Number(isOfBase(b, ofBase)) || a.length - b.length),
  }));
}

/** The index's record of a locked package, under the locked version. */
function recordOf(index: PackageIndex, { name, version, sha256 }: LockedPackage): PackageRecord[] {
  const records = index.byName(name);
  const record = records.find((one) => one.sha256 === sha256) ?? records.at(-1);
  return record === undefined ? [] : [record.version === version ? record : { ...record, version }];
}

const ofConfiguration = "devenv.jsonc";
const ofImage = "the image ";

function rootsOf(
  all: PackageSet,
  requested: readonly string[],
  toolchains: readonly LockedToolchain[],
  ofBase: ReadonlyMap<string, string>,
): { root: PackageRecord; because: string }[] {
  const askedBy = (because: string) => (name: string) => ({
    root: all.get(name) ?? all.providing(name)[0],
    because,
  });
  const fromConfiguration = requested.map(askedBy(ofConfiguration));
  const fromToolchains = toolchains.flatMap(({ language, libraries = [], packages, version }) =>
    [...packages, ...libraries].map(askedBy(`${language} ${version}`)),
  );
  const fromBase = [...ofBase].map(([name, because]) => ({ root: all.get(name), because }));
  return [...fromConfiguration, ...fromToolchains, ...fromBase].flatMap(({ root, because }) =>
    root === undefined ? [] : [{ root, because }],
  );
}

/** An image has what it has for reasons of its own. */
function rootsOfImage(
  { base }: LockedPlatform,
  installed: readonly PackageRecord[] | undefined,
  root: PackageRecord,
): { root: PackageRecord; because: string }[] {
  if (base.kind !== "image" || installed === undefined) return [];
  const isThere = installed.some(({ name }) => name === root.name);
  return isThere ? [{ root, because: `${ofImage}${base.reference}` }] : [];
}

function isOfBase(chain: readonly ReasonStep[], ofBase: ReadonlyMap<string, string>): boolean {
  const [first] = chain;
  if (first === undefined) return false;
  return ofBase.get(first.name) === first.because || first.because.startsWith(ofImage);
}

/** Breadth first; undefined when the root does not lead to the package. */
function shortestChain(
  all: PackageSet,
  root: PackageRecord,
  because: string,
  wanted: PackageRecord,
): ReasonStep[] | undefined {
  const steps = new Map<PackageRecord, { readonly because: string; readonly from?: PackageRecord }>([
    [root, { because }],
  ]);
  // A map goes on to what is added while it is walked.
  for (const [one] of steps) {
    if (one === wanted) break;
    for (const { to, relation } of needs(all, one)) {
      if (!steps.has(to)) steps.set(to, { because: relation, from: one });
    }
  }
  const chain: ReasonStep[] = [];
  for (let at: PackageRecord | undefined = wanted; at !== undefined; ) {
    const step = steps.get(at);
    if (step === undefined) return undefined;
    chain.unshift({ name: at.name, version: at.version, because: step.because });
    at = step.from;
  }
  return chain;
}

function needs(
  all: PackageSet,
  { preDepends, depends }: PackageRecord,
): { to: PackageRecord; relation: string }[] {
  return [
    { field: "Pre-Depends", text: preDepends },
    { field: "Depends", text: depends },
  ].flatMap(({ field, text }) =>
    parseRelations(text).flatMap((group) => {
      const to = all.satisfying(group);
      return to === undefined ? [] : [{ to, relation: `${field}: ${formatRelations(group)}` }];
    }),
  );
}

function notLocked(name: string, lock: Lock): DevenvError {
  const names = Object.values(lock.platforms).flatMap((platform) =>
    lockedPackages(platform).map((one) => one.name),
  );
  return new DevenvError(
    "DEVENV_NOT_LOCKED",
    `devenv.lock has no package ${JSON.stringify(name)}${didYouMean(name, [...new Set(names)])}`,
    { usage: true, hint: "`devenv search WORD` looks for packages that could be added." },
  );
}
