import { canonicalJson, type LockedPlatform, type LockedToolchain } from "../lock/index.ts";
import type { PackageIndex } from "../sources/debian/index.ts";

/** Packages that were found to have the libraries that a toolchain needs, by language. */
export type FoundLibraries = ReadonlyMap<string, readonly string[]>;

/** What is known of the libraries that a platform's toolchains need. */
export interface KnownLibraries {
  /** The lock there was, of the same base: what is the same there needs the same. */
  readonly previous: LockedPlatform | undefined;
  readonly found: FoundLibraries;
  /** Absent for a base without packages. */
  readonly index: PackageIndex | undefined;
}

/** Toolchains together with the packages that have their libraries, as far as they are known. */
export function withLibraries(
  toolchains: readonly LockedToolchain[],
  { found, index, previous }: KnownLibraries,
): LockedToolchain[] {
  return toolchains.map((toolchain) => {
    if (toolchain.parts.length === 0) return toolchain;
    const before = previous?.toolchains?.find((one) => isSame(one, toolchain))?.libraries;
    const libraries = toolchain.libraries ?? before ?? found.get(toolchain.language);
    if (libraries === undefined) return toolchain;
    // They were found for one platform; another may have no use for some of them.
    return { ...toolchain, libraries: libraries.filter((name) => (index?.byName(name).length ?? 0) > 0) };
  });
}

function isSame({ libraries: _, ...a }: LockedToolchain, { libraries: __, ...b }: LockedToolchain): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
