export { namedAfterLibrary } from "./choose-library.ts";
export { findLibraryPackages } from "./contents.ts";
export { packageUrls, resolveMirrors, resolveMirrorsAsOf, resolveMirrorsFor } from "./mirrors.ts";
export { newestOf } from "./newest.ts";
export { openIndexes } from "./open-indexes.ts";
export { formatRelations, fulfils, parseRelations, type RelationGroup } from "./relation.ts";
export { solve } from "./solver.ts";
export { type InstalledPackage, readStatus } from "./status.ts";
export { type System, systemOf } from "./system.ts";
export type {
  Mirrors,
  OpenIndexesOptions,
  PackageIndex,
  PackageRecord,
  Suite,
} from "./types.ts";
