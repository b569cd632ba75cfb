import type { PackageRecord } from "./types.ts";
import { compareVersions } from "./version.ts";

/** The highest version of one package; there must be one. */
export function newestOf(records: readonly PackageRecord[]): PackageRecord {
  const [newest] = [...records].sort((a, b) => compareVersions(b.version, a.version));
  if (newest === undefined) throw new Error("Assertion failed: a package without versions");
  return newest;
}
