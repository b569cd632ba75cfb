import type { LockedPackage, LockedPlatform } from "./types.ts";

/** The packages a base was bootstrapped from; none where an image is the base. */
export function basePackages({ base }: Pick<LockedPlatform, "base">): readonly LockedPackage[] {
  return base.kind === "image" ? [] : base.packages;
}

/** All packages that devenv installs on a platform, those of the base first. */
export function lockedPackages(platform: LockedPlatform): readonly LockedPackage[] {
  return [...basePackages(platform), ...platform.packages];
}
