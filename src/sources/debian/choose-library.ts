import type { PackageIndex } from "./types.ts";

/** A package that ships a library. */
export interface LibraryPackage {
  readonly name: string;
  /** Of the archive: `libs`, `python`, … */
  readonly section: string;
}

/**
 * The names of the packages that a library may be had from, the best first: the one named after the library as Debian
 * Policy 8.1 says, those whose name begins so, those of the section `libs`, the shortest name.
 */
export function chooseLibraryPackage(soname: string, packages: readonly LibraryPackage[]): string[] {
  const expected = packageNameOf(soname);
  const rank = ({ name, section }: LibraryPackage): number => {
    if (name === expected) return 0;
    // Since times have 64 bits everywhere, many are called libssl3t64.
    if (name === `${expected}t64`) return 1;
    return (name.startsWith(expected) ? 2 : 4) + (section === "libs" ? 0 : 1);
  };
  return [...new Map(packages.map((one) => [one.name, one])).values()]
    .map((one) => ({ name: one.name, rank: rank(one) }))
    .sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

/**
 * The package that is named after a library as Debian Policy 8.1 says, where the release has one: a good guess as long
 * as nobody knows what is in it.
 */
export function namedAfterLibrary(index: Pick<PackageIndex, "byName">, soname: string): string | undefined {
  const expected = packageNameOf(soname);
  // Of libLLVM.so.19.1 the package has the first number only.
  const names = [expected, `${expected}t64`, expected.replace(/\.[0-9.]+$/, "")];
  return names.find((name) => index.byName(name).length > 0);
}

/** Debian Policy 8.1, where it says how to get the name from the SONAME. */
function packageNameOf(soname: string): string {
  return soname
    .replace(/([0-9])\.so\./, "$1-")
    .replace(/\.so(\.|$)/, "")
    .replaceAll("_", "-")
    .toLowerCase();
}
