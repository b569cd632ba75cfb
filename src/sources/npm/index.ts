export { findNpmVersions, type NpmVersion } from "./metadata.ts";
export { openNpmTarball } from "./tarball.ts";
