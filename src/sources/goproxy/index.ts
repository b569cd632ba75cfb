export { lookUpModule } from "./checksum-database.ts";
export { openGoModule } from "./module.ts";
export { findGoVersions, goVersionTime, hasGoVersion } from "./versions.ts";
