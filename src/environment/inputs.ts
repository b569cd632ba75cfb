import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import type { Lock, Platform } from "../lock/index.ts";
import type { PlatformInputs } from "../resolve/index.ts";
import type { PackageIndex } from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";

/**
 * What the sources say about every platform of a configuration, as far as the lock does not say it already. An image
 * stays the one that is locked until it is to be refreshed.
 */
export async function openInputs(
  store: Store,
  configuration: Configuration,
  previous: Lock | undefined,
  refresh: boolean,
): Promise<Map<Platform, PlatformInputs>> {
  const { base } = configuration;
  if (base.kind === "bootstrap") return await openProjectIndexes(store, configuration, { refresh });
  const { openBaseImages } = await import("./base-images.ts");
  return await openBaseImages(base, configuration.platforms, refresh ? undefined : previous);
}

/**
 * The indexes of the base's release for every platform of the configuration.
 *
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` when the base is an image.
 */
export async function openProjectIndexes(
  store: Store,
  configuration: Configuration,
  options: { readonly refresh?: boolean; readonly offline?: boolean } = {},
): Promise<Map<Platform, PackageIndex>> {
  const { base } = configuration;
  if (base.kind === "image") {
    throw new DevenvError("DEVENV_NOT_SUPPORTED", `${base.reference}: packages are not looked into yet`, {
      usage: true,
      hint: 'A base such as "bootstrap:debian/bookworm" has packages.',
    });
  }
  const { openIndexes, resolveMirrors } = await import("../sources/debian/index.ts");
  const byArchitecture = await openIndexes(base.suite, configuration.platforms.map(architectureOf), {
    store,
    mirrors: resolveMirrors(),
    ...options,
  });
  return new Map(
    configuration.platforms.flatMap((platform) => {
      const index = byArchitecture.get(architectureOf(platform));
      return index === undefined ? [] : [[platform, index] as const];
    }),
  );
}

/** Debian calls both architectures what OCI calls them. */
function architectureOf(platform: Platform): string {
  return platform.slice(platform.indexOf("/") + 1);
}
