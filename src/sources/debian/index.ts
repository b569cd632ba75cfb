export { packageUrls, resolveMirrors } from "./mirrors.ts";
export { openIndexes } from "./open-indexes.ts";
export type {
  ArchiveName,
  Mirrors,
  OpenIndexesOptions,
  PackageIndex,
  PackageRecord,
  Suite,
} from "./types.ts";
