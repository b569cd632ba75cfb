import { findNeedsOnBase, refusalOf, type ToolchainNeeds } from "../build/index.ts";
import type { Configuration, Project } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import type { Lock, LockedPlatform, Platform } from "../lock/index.ts";
import {
  findLibraryPackages,
  namedAfterLibrary,
  resolveMirrors,
  resolveMirrorsAsOf,
  resolveMirrorsFor,
  type Suite,
} from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";
import { type LockOutcome, lockLibraries } from "./lock-project.ts";
import type { Observer } from "./observer.ts";
import { architectureOf, openSuite } from "./suite-indexes.ts";
import { tellProgress } from "./tell-progress.ts";

export interface LibraryOptions {
  readonly observer: Observer;
  /** On which the toolchains are looked at; what they need there they need everywhere. */
  readonly platform: Platform;
}

/**
 * Looks which libraries the toolchains of a platform need beside its base, and puts the packages that have them into
 * the lock. For that the base and the toolchains are built.
 *
 * @throws DevenvError `DEVENV_TOOLCHAIN_LIBC` for a toolchain that is made for another or a newer C library,
 *   `DEVENV_TOOLCHAIN_LIBRARIES` when no package has what one needs.
 */
export async function addLibraries(
  store: Store,
  project: Project,
  configuration: Configuration,
  lock: Lock,
  { observer, platform }: LibraryOptions,
): Promise<LockOutcome> {
  const locked = lock.platforms[platform];
  if (locked === undefined) throw new Error(`Assertion failed: ${platform} is not locked`);
  const { asOf } = configuration;
  const needs = await findNeedsOnBase(store, platform, locked, {
    mirrors: resolveMirrorsFor({ asOf, releases: locked.base.releases ?? [] }),
    directory: project.root,
    onProgress: tellProgress(observer),
  });
  // What cannot run here at all need not be looked for.
  for (const need of needs) {
    const wanted = new Set(need.result.missing.map(({ soname }) => soname));
    const refusal = refusalOf(need, locked, wanted);
    if (refusal !== undefined) throw refusal;
  }
  const packages = await packagesFor(store, locked, { asOf, platform }, needs, observer);
  observer.end();
  const found = new Map<string, readonly string[]>();
  for (const need of needs) {
    const refusal = refusalOf(need, locked, new Set(packages.keys()));
    if (refusal !== undefined) throw refusal;
    const names = need.result.missing.flatMap(({ soname }) => packages.get(soname) ?? []);
    found.set(need.toolchain.language, [...new Set(names)].sort());
  }
  return await lockLibraries(store, project, configuration, { before: lock, found, observer });
}

/** Of which archive: as of a day, for a platform. */
interface Where {
  readonly asOf: string | undefined;
  readonly platform: Platform;
}

/**
 * The package for each library that some toolchain misses, as far as the base's distribution has one. Whether it really
 * is in there shows at the end, when the whole root is looked at.
 */
async function packagesFor(
  store: Store,
  { base }: LockedPlatform,
  where: Where,
  needs: readonly ToolchainNeeds[],
  observer: Observer,
): Promise<Map<string, string>> {
  const sonames = [...new Set(needs.flatMap(({ result }) => result.missing.map(({ soname }) => soname)))];
  const suite: Suite | undefined = base.suite;
  if (sonames.length === 0 || suite === undefined) return new Map();
  observer.begin("looking for the packages of missing libraries");
  const listed = await listedPackages(store, suite, where, sonames, observer);
  // What only security updates have is in no list.
  const { asOf, platform } = where;
  const index = (await openSuite(store, suite, [platform], { asOf })).get(platform);
  return new Map(
    sonames.flatMap((soname) => {
      const name = listed.get(soname)?.[0] ?? (index && namedAfterLibrary(index, soname));
      return name === undefined ? [] : [[soname, name] as const];
    }),
  );
}

async function listedPackages(
  store: Store,
  suite: Suite,
  { asOf, platform }: Where,
  sonames: readonly string[],
  observer: Observer,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const mirrors = asOf === undefined ? resolveMirrors() : resolveMirrorsAsOf(asOf);
  const options = { store, mirrors, asOf };
  try {
    return await findLibraryPackages(suite, architectureOf(platform), sonames, options);
  } catch (error) {
    if (!(error instanceof DevenvError) || !error.code.startsWith("DEVENV_ARCHIVE_")) throw error;
    observer.note(`packages of libraries are chosen by their names only: ${error.message}`);
    return new Map();
  }
}
