export { findNpmVersions, type NpmVersion } from "./metadata.ts";
export type { NpmOptions } from "./settings.ts";
export { openNpmTarball } from "./tarball.ts";
