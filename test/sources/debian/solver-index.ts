import { CompactIndex } from "../../../src/sources/debian/compact-read.ts";
import { compactPackages } from "../../../src/sources/debian/compact-write.ts";
import type { PackageIndex } from "../../../src/sources/debian/index.ts";
import { mergeIndexes } from "../../../src/sources/debian/package-index.ts";
import { type SolveOptions, solve } from "../../../src/sources/debian/solver.ts";
import { sha256, stanza } from "./archive.ts";

const suites = ["bookworm", "bookworm-updates", "bookworm-security"];

/** What makes a package: `name version`, and its fields. */
export type PackageList = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The amd64 index of a release with these packages: first the release's, then those of its updates, … */
export function indexOf(...packagesOfSuites: PackageList[]): PackageIndex {
  const parts = packagesOfSuites.map((packages, suitesBefore) => {
    const text = Object.entries(packages).map(([key, fields]) => {
      const [name = "", version = "1"] = key.split(" ");
      return stanza(name, version, fields);
    });
    const file = compactPackages(Buffer.from(text.join("")), {
      architecture: "amd64",
      sha256: sha256(""),
      name: "Packages",
    });
    return new CompactIndex(file, {
      archive: "debian",
      suite: suites[suitesBefore] ?? "bookworm",
      suitesBefore,
    });
  });
  const release = { archive: "debian", suite: "bookworm", date: "2025-03-01T11:00:00Z", sha256: sha256("") };
  return mergeIndexes("amd64", [release], parts);
}

/** The solution as `name version` each, or the error as `code: message`. */
export function solution(
  index: PackageIndex,
  requested: readonly string[],
  options: SolveOptions = {},
): string[] | string {
  try {
    return solve(index, requested, options).map(({ name, version }) => `${name} ${version}`);
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message: string; hint?: string };
    if (code === undefined) throw error;
    return [`${code}: ${message}`, ...(hint === undefined ? [] : [`(${hint})`])].join("\n");
  }
}
