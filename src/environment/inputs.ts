import type { Configuration } from "../config/index.ts";
import { configurationDigest, type Lock, type Platform } from "../lock/index.ts";
import type { BaseImage, PlatformInputs } from "../resolve/index.ts";
import type { PackageIndex, System } from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";
import { type IndexOptions, openSuite } from "./suite-indexes.ts";

/**
 * What the sources say about every platform of a configuration, as far as the lock does not say it already. An image
 * stays the one that is locked in `previous`.
 */
export async function openInputs(
  store: Store,
  configuration: Configuration,
  previous: Lock | undefined,
  refresh: boolean,
): Promise<Map<Platform, PlatformInputs>> {
  const { base, packages, platforms } = configuration;
  if (base.kind === "bootstrap") return await openSuite(store, base.suite, platforms, { refresh });
  const { openBaseImages } = await import("./base-images.ts");
  const images = await openBaseImages(base, platforms, previous);
  if (packages.length === 0) return images;
  const kept = new Map<Platform, BaseImage>();
  if (previous !== undefined && !refresh && isRightBut(previous, configuration)) {
    for (const [platform, image] of images) {
      const locked = previous.platforms[platform];
      if (locked !== undefined) kept.set(platform, { ...image, locked });
    }
  }
  const others = new Map([...images].filter(([platform]) => !kept.has(platform)));
  const { openSystems } = await import("./image-systems.ts");
  const systems = await openSystems(store, others, packages, { refresh });
  return new Map(
    [...images].map(([platform, image]) => {
      const system = systems.get(platform);
      return [platform, kept.get(platform) ?? (system === undefined ? image : { ...image, system })] as const;
    }),
  );
}

/** Whether nothing but the list of platforms differs from what was locked. */
function isRightBut(lock: Lock, configuration: Configuration): boolean {
  const platforms = Object.keys(lock.platforms) as Platform[];
  return lock.configuration === configurationDigest({ ...configuration, platforms });
}

/** The packages of the base's release for every platform of the configuration; what an image is, its lock knows. */
export async function openProjectIndexes(
  store: Store,
  configuration: Configuration,
  lock: Lock | undefined,
  options: IndexOptions = {},
): Promise<Map<Platform, PackageIndex>> {
  const { base, platforms } = configuration;
  if (base.kind === "bootstrap") return await openSuite(store, base.suite, platforms, options);
  const [suite, ...others] = new Set(platforms.map((platform) => suiteOf(lock, platform, base.reference)));
  if (suite !== undefined && others.length === 0) return await openSuite(store, suite, platforms, options);
  const systems = await openProjectSystems(store, configuration, lock, options);
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
  { base, platforms }: Configuration,
  lock: Lock | undefined,
  options: IndexOptions = {},
): Promise<Map<Platform, System>> {
  if (base.kind === "bootstrap") return new Map();
  const [{ openBaseImages }, { openSystems }] = await Promise.all([
    import("./base-images.ts"),
    import("./image-systems.ts"),
  ]);
  return await openSystems(store, await openBaseImages(base, platforms, lock), [], options);
}

function suiteOf(lock: Lock | undefined, platform: Platform, reference: string): System["suite"] | undefined {
  const base = lock?.platforms[platform]?.base;
  return base?.kind === "image" && base.reference === reference ? base.suite : undefined;
}
