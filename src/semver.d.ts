/** Of the package `semver`, which brings no types, what is used here. */
declare module "semver" {
  interface SemVer {
    readonly version: string;
    readonly prerelease: readonly (string | number)[];
  }
  interface Range {
    readonly range: string;
    test(version: string): boolean;
  }
  const semver: {
    parse(version: string): SemVer | null;
    valid(version: string): string | null;
    compareBuild(a: string, b: string): -1 | 0 | 1;
    satisfies(version: string, range: string): boolean;
    validRange(range: string): string | null;
  };
  export default semver;
}
