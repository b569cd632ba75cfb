/**
 * A language is data: this file says which, and is the documentation of how to add one.
 *
 * To add a language, write `src/languages/NAME.ts` with one constant of type {@link Language} and name it in the list
 * of `index.ts`; nothing else has to change. What to find out first, for each source that has the language:
 *
 * - `distribution`: which packages are the toolchain, and which of them has its version.
 * - `image`: the official image's full tags (`3.9.19-slim-bookworm`; tags such as `3.9` move and are left out), which
 *   of its directories are the toolchain, and whether that toolchain was made with the libraries of the image's own
 *   distribution (`"own"`) or needs no more than a C library (`"newer"`: it then also runs on newer releases).
 * - `npm` or `goproxy`: whether the real binaries are published there.
 * - for all: a command that prints the version, and where the ordinary user `dev`, whose root is read-only, installs
 *   programs: that directory belongs into `path`, and into `variables` what makes the package manager use it; and into
 *   `inLayers` what makes it install for everyone, where root does not do so anyway.
 *
 * In strings that say so, a word in braces stands for what is known only later: `{version}`, `{architecture}`
 * (`amd64`), `{triple}` (`x86_64-unknown-linux-gnu`), `{codename}`, `{alpine}`, `{1}`.
 */
export interface Language extends Surroundings {
  /** As in the configuration: `python` */
  readonly name: string;
  /** How its users write versions and ranges of them. */
  readonly ranges: RangeStyle;
  /** Words that stand for a version besides `latest`, such as `stable`; all of them in lower case. */
  readonly words: Readonly<Record<string, NamedVersions>>;
  /** Words that users write and no source has, with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  /** A command that prints the version: `["python3", "--version"]`. */
  readonly check: readonly string[];
  /**
   * Variables with which its package manager installs for everyone while a layer is built, instead of those that lead to
   * the home directory, which is not part of a layer.
   */
  readonly inLayers?: Readonly<Record<string, string>>;
  /** Names of packages that its programs do not work without, by distribution; whatever the source. */
  readonly packages?: ByDistribution<readonly string[]>;
  /**
   * Programs and modules that may lack their libraries: `*` for a part of a name, `**` for several names at the
   * start.
   */
  readonly optional?: readonly string[];
  readonly distribution?: ByDistribution<DistributionSource>;
  readonly image?: ImageSource;
  readonly npm?: NpmSource;
  readonly goproxy?: ModuleSource;
}

/** What a program sees of a toolchain besides its files. */
export interface Surroundings {
  /** Directories that come first in `PATH`, absolute; those of the language stand before those of the source. */
  readonly path?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** Further variables that only releases before a full version have, by that version. */
  readonly variablesBefore?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export type ByDistribution<T> = Readonly<Record<string, T>>;

/**
 * The grammar of ranges: npm's; Python's (PEP 440) and Poetry's; Go's, Rust's and Java's own version numbers with
 * npm's operators; RubyGems'; Composer's.
 */
export type RangeStyle = "npm" | "python" | "go" | "rust" | "java" | "ruby" | "composer";

/** What a word stands for: the newest release, or the newest of lines that are known to this devenv. */
export type NamedVersions = "newest" | readonly Line[];

/** Releases that belong together: those that begin with `line`, from the release `from` on when it is given. */
export interface Line {
  readonly line: string;
  readonly from?: string;
}

/** Packages of a distribution's own archive. */
export interface DistributionSource extends Surroundings {
  /** The package that has the toolchain's version; a pattern's first group is `{1}` in everything below. */
  readonly package: string | { readonly word: string; readonly name: RegExp };
  /** The part of the package's upstream version that is the toolchain's; digits and dots unless given. */
  readonly version?: RegExp;
  /** Names of all packages that make up the toolchain. May have `{1}`. */
  readonly packages: readonly string[];
}

/** Directories of an OCI image. */
export interface ImageSource extends Surroundings, Placing {
  /** As in a reference: `python`, `oven/bun`. */
  readonly repository: string;
  /** The preferred first; `{version}` is in each. One with neither `{codename}` nor `{alpine}` fits any glibc. */
  readonly tags: readonly string[];
  /** A full version as it stands in a tag. */
  readonly version: RegExp;
  /** What stands in a tag for `+`, which none can have. */
  readonly plus?: string;
  /** Whose releases a variant of the image runs on: only its own, or every one whose C library is not older. */
  readonly runsOn: "own" | "newer";
}

/** A package of the npm registry for each machine. */
export interface NpmSource extends Surroundings, Placing {
  /** By architecture, for musl with `-musl` behind: `amd64`, `arm64-musl`. */
  readonly packages: Readonly<Record<string, string>>;
  /** A package for all machines that belongs to it, in the newest version whose `engines` accept the language's. */
  readonly companion?: Placing & { readonly package: string; readonly engine: string };
}

/** A module of the Go module proxy for each machine. */
export interface ModuleSource extends Surroundings, Placing {
  readonly module: string;
  /** The module's version: `v0.0.1-go{version}.linux-{architecture}`. */
  readonly version: string;
}

/** What of an archive goes into the root, in the terms of the lock; paths may have words in braces. */
export interface Placing {
  readonly maps: readonly { readonly from: string; readonly to: string }[];
  readonly links?: Readonly<Record<string, string>>;
  readonly executables?: readonly string[];
}

/** What has to be known of a base to choose toolchains for it. */
export interface BaseFacts {
  /** `ID` of os-release: `debian`, `ubuntu`, `alpine`; empty when there is none. */
  readonly distribution: string;
  /** `VERSION_CODENAME` of os-release: `bookworm`; empty when there is none. */
  readonly codename: string;
  /** `VERSION_ID` of os-release: `12`, `3.20.1`; empty when there is none. */
  readonly version: string;
  readonly libc: "glibc" | "musl" | "unknown";
}
