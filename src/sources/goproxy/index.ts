export { lookUpModule } from "./checksum-database.ts";
export { openGoModule } from "./module.ts";
export { findGoVersions, hasGoVersion } from "./versions.ts";
