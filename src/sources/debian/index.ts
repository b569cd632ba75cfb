export type {
  ArchiveName,
  Mirrors,
  OpenIndexesOptions,
  PackageIndex,
  PackageRecord,
  Suite,
} from "./types.ts";
