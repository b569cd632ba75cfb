import type { Configuration } from "../config/index.ts";
import type { BaseFacts } from "../languages/index.ts";
import { isSameRequest, type Lock, type Platform, requestOf } from "../lock/index.ts";
import type { BaseImage, PlatformInputs } from "../resolve/index.ts";
import { factsOfBootstrap } from "../sources/base-facts.ts";
import type { PackageIndex, System } from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";
import { openSuite } from "./suite-indexes.ts";

/** What the sources say about every platform of a configuration. */
export interface ProjectInputs {
  readonly inputs: ReadonlyMap<Platform, PlatformInputs>;
  /** What the bases are; known where languages or packages are asked for. */
  readonly facts: ReadonlyMap<Platform, BaseFacts>;
  /** For the platforms whose base has packages, as far as they were looked into. */
  readonly indexes: ReadonlyMap<Platform, PackageIndex>;
}

export interface InputOptions {
  /** Ask the archive for news. */
  readonly refresh: boolean;
  /** Whether a platform whose lock is right already may stay as it is. */
  readonly keep: boolean;
}

/**
 * What the sources say about every platform of a configuration, as far as the lock does not say it already. An image
 * stays the one that is locked in `previous`.
 */
export async function openInputs(
  store: Store,
  configuration: Configuration,
  previous: Lock | undefined,
  { keep, refresh }: InputOptions,
): Promise<ProjectInputs> {
  const { asOf, base, languages, packages, platforms } = configuration;
  if (base.kind === "bootstrap") {
    const indexes = await openSuite(store, base.suite, platforms, { asOf, refresh });
    const facts = new Map(platforms.map((platform) => [platform, factsOfBootstrap(base.suite)]));
    return { inputs: indexes, facts, indexes };
  }
  const { openBaseImages } = await import("./base-images.ts");
  const images = await openBaseImages(base, platforms, previous, asOf);
  const hasLanguages = Object.keys(languages).length > 0;
  const kept = keep && !refresh ? keptPlatforms(previous, configuration, images) : new Map();
  const others = new Map([...images].filter(([platform]) => hasLanguages || !kept.has(platform)));
  if (packages.length === 0 && !hasLanguages) return { inputs: images, facts: new Map(), indexes: new Map() };
  const { lookInto } = await import("./image-systems.ts");
  const wanted = packages.length === 0 ? {} : { wanted: packages };
  const systems = await lookInto(store, others, { asOf, refresh, ...wanted });
  const inputs = [...images].map(([platform, image]) => {
    const system = systems.get(platform)?.system;
    return [platform, kept.get(platform) ?? (system === undefined ? image : { ...image, system })] as const;
  });
  return {
    inputs: new Map(inputs),
    facts: new Map([...systems].map(([platform, { facts }]) => [platform, facts])),
    indexes: indexesOf(systems),
  };
}

function keptPlatforms(
  previous: Lock | undefined,
  configuration: Configuration,
  images: ReadonlyMap<Platform, BaseImage>,
): Map<Platform, BaseImage> {
  if (previous === undefined || !isRightBut(previous, configuration)) return new Map();
  return new Map(
    [...images].flatMap(([platform, image]) => {
      const locked = previous.platforms[platform];
      return locked === undefined ? [] : [[platform, { ...image, locked }] as const];
    }),
  );
}

function indexesOf(
  systems: ReadonlyMap<Platform, { readonly system?: System }>,
): Map<Platform, PackageIndex> {
  return new Map(
    [...systems].flatMap(([platform, { system }]) =>
      system === undefined ? [] : [[platform, system.index]],
    ),
  );
}

/** Whether nothing but the list of platforms differs from what was locked. */
function isRightBut(lock: Lock, configuration: Configuration): boolean {
  const { platforms } = lock.request;
  return isSameRequest(lock.request, requestOf({ ...configuration, platforms }));
}

/** The packages of the base's release for every platform of the configuration; what an image is, its lock knows. */
export async function openProjectIndexes(
  store: Store,
  configuration: Configuration,
  lock: Lock | undefined,
): Promise<Map<Platform, PackageIndex>> {
  const { asOf, base, platforms } = configuration;
  const options = { asOf };
  if (base.kind === "bootstrap") return await openSuite(store, base.suite, platforms, options);
  const [suite, ...others] = new Set(platforms.map((platform) => suiteOf(lock, platform, base.reference)));
  if (suite !== undefined && others.length === 0) return await openSuite(store, suite, platforms, options);
  const systems = await openProjectSystems(store, configuration, lock);
  return new Map([...systems].map(([platform, { index }]) => [platform, index]));
}

/**
 * What the images that are the base have, and could have, for every platform of the configuration; none where the base
 * is no image.
 *
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` when its packages are not looked into.
 */
export async function openProjectSystems(
  store: Store,
  { asOf, base, platforms }: Configuration,
  lock: Lock | undefined,
): Promise<Map<Platform, System>> {
  if (base.kind === "bootstrap") return new Map();
  const [{ openBaseImages }, { lookInto }] = await Promise.all([
    import("./base-images.ts"),
    import("./image-systems.ts"),
  ]);
  const images = await openBaseImages(base, platforms, lock, asOf);
  const looks = await lookInto(store, images, { wanted: [], asOf });
  return new Map(
    [...looks].flatMap(([platform, { system }]) =>
      system === undefined ? [] : [[platform, system] as const],
    ),
  );
}

function suiteOf(lock: Lock | undefined, platform: Platform, reference: string): System["suite"] | undefined {
  const base = lock?.platforms[platform]?.base;
  return base?.kind === "image" && base.reference === reference ? base.suite : undefined;
}
