import type { Platform } from "../lock/index.ts";
import type { PackageIndex, Suite } from "../sources/debian/index.ts";
import type { Store } from "../store/index.ts";

export interface IndexOptions {
  /** Ask the archive for news. */
  readonly refresh?: boolean;
  readonly offline?: boolean;
  /** The day (`2024-03-17`) whose archive it is to be. */
  readonly asOf?: string | undefined;
}

/** The packages of a release for each of the platforms. */
export async function openSuite(
  store: Store,
  suite: Suite,
  platforms: readonly Platform[],
  options: IndexOptions,
): Promise<Map<Platform, PackageIndex>> {
  const { openIndexes, resolveMirrors, resolveMirrorsAsOf } = await import("../sources/debian/index.ts");
  const byArchitecture = await openIndexes(suite, platforms.map(architectureOf), {
    store,
    mirrors: options.asOf === undefined ? resolveMirrors() : resolveMirrorsAsOf(options.asOf),
    ...options,
  });
  return new Map(
    platforms.flatMap((platform) => {
      const index = byArchitecture.get(architectureOf(platform));
      return index === undefined ? [] : [[platform, index] as const];
    }),
  );
}

/** Debian calls both architectures what OCI calls them. */
export function architectureOf(platform: Platform): string {
  return platform.slice(platform.indexOf("/") + 1);
}
