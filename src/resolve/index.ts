export { distributionVersions, isDistributionVersion } from "./distribution-versions.ts";
export { type ImageVersions, imageVersions } from "./image-tags.ts";
export { newestFirst } from "./language-version.ts";
export { type FoundLibraries, withLibraries } from "./libraries.ts";
export { type BaseImage, type PlatformInputs, resolveLock } from "./resolve-lock.ts";
export {
  expand,
  fittingVersions,
  lineOf,
  lockedToolchain,
  nearVersions,
  placementOf,
  sourcesOf,
  tripleOf,
  type Words,
} from "./toolchains.ts";
export { parseVersionRange, type VersionRange } from "./version-range.ts";
export { explainWhy, type Reason } from "./why.ts";
