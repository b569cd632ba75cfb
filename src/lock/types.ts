/** `sha256:` followed by 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

/** What a registry knows a manifest or blob by: SHA-256, or SHA-512 (OCI image specification, descriptor.md). */
export type BlobDigest = Digest | `sha512:${string}`;

/** An OCI platform, such as `linux/amd64`. */
export type Platform = `${string}/${string}`;

/** One package of the base's distribution, exact to the byte. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** The Debian architecture of the file: `amd64`, `arm64` or `all`. */
  readonly architecture: string;
  /** SHA-256 of the .deb, hexadecimal. */
  readonly sha256: string;
  /** Size of the .deb in bytes. */
  readonly size: number;
  /** The archive the path belongs to: `debian` or `debian-security`. */
  readonly archive: string;
  /** Path of the .deb below the archive's root, `pool/…`. */
  readonly path: string;
  /**
   * Packages of one stage are unpacked together and configured before the next stage is unpacked, so that
   * Pre-Depends hold (Debian Policy 7.2). Absent means 0.
   */
  readonly stage?: number;
}

/** One signed index that the resolution used. */
export interface LockedRelease {
  readonly archive: string;
  readonly suite: string;
  /** `Date` of the InRelease file, ISO 8601 in UTC. */
  readonly date: string;
  /** SHA-256 of the InRelease file, hexadecimal. */
  readonly sha256: string;
}

/** A base bootstrapped from the distribution's own archive. */
export interface LockedBootstrap {
  readonly kind: "bootstrap";
  readonly distribution: "debian";
  readonly suite: "bullseye" | "bookworm" | "trixie";
  readonly releases: readonly LockedRelease[];
  readonly packages: readonly LockedPackage[];
}

/** A base that is an OCI image, exact to the byte. */
export interface LockedImageBase {
  readonly kind: "image";
  /** As the configuration has it: `debian:bookworm-slim`. */
  readonly reference: string;
  /** Digest of the image index that the reference stood for; absent when it stood for the manifest itself. */
  readonly index?: BlobDigest;
  /** Digest of the platform's image manifest. */
  readonly digest: BlobDigest;
  /** Of the image configuration, which holds the environment variables. */
  readonly config: LockedBlob;
  /** The lowest first. */
  readonly layers: readonly LockedBaseLayer[];
  /** Whose packages it takes; absent when none were asked for, like `suite` and `releases`. */
  readonly distribution?: "debian";
  readonly suite?: "bullseye" | "bookworm" | "trixie";
  readonly releases?: readonly LockedRelease[];
}

/** A blob of a registry's repository. */
export interface LockedBlob {
  readonly digest: BlobDigest;
  /** Bytes. */
  readonly size: number;
}

export interface LockedBaseLayer extends LockedBlob {
  readonly compression: "none" | "gzip" | "zstd";
  /** Digest of the uncompressed archive, which names the layer in the store: always SHA-256. */
  readonly diffID: Digest;
}

export type LockedBase = LockedBootstrap | LockedImageBase;

/** Where a toolchain comes from. */
export type ToolchainSource = "distribution" | "image" | "npm" | "goproxy";

/** One language at one version for one platform, complete: building it needs no knowledge of the language. */
export interface LockedToolchain {
  /** `python` */
  readonly language: string;
  /** As the language's users write it: `3.9.19`, `1.22.5`, `17.0.12+7`. */
  readonly version: string;
  readonly source: ToolchainSource;
  /** What is downloaded, in this order laid over one another; empty when packages are all there is. */
  readonly parts: readonly LockedPart[];
  /** Packages of the distribution that belong to it: the toolchain itself, or what it does not work without. */
  readonly packages: readonly string[];
  /** Packages that have the libraries its programs need; absent until a build looked. */
  readonly libraries?: readonly string[];
  /** Patterns of files whose libraries may be missing, for example those of a graphical toolkit. */
  readonly optional?: readonly string[];
  /** Directories that come first in `PATH`, absolute. */
  readonly path: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** A command that prints the version: `["python3", "--version"]`. */
  readonly check: readonly string[];
}

/** Content from somewhere, and what of it goes where. */
export type LockedPart = LockedImagePart | LockedNpmPart | LockedModulePart;

/** What of an archive goes into the root. */
export interface Placement {
  /** Everything at or below `from` (a path in the archive, relative) stands at or below `to` (absolute). */
  readonly maps: readonly PlacementMap[];
  /** Symbolic links made besides: absolute path to target. */
  readonly links?: Readonly<Record<string, string>>;
  /**
   * Absolute paths, `*` for a name and `**` for several, of files that become executable: some archives do not say
   * it.
   */
  readonly executables?: readonly string[];
}

export interface PlacementMap {
  readonly from: string;
  readonly to: string;
}

/** Directories of an OCI image. */
export interface LockedImagePart extends Placement {
  readonly kind: "image";
  /** With registry and tag: `docker.io/library/python:3.9.19-slim-bookworm`. */
  readonly reference: string;
  readonly index?: BlobDigest;
  /** Digest of the platform's image manifest. */
  readonly digest: BlobDigest;
  /** Those that may have something of it, the lowest first. */
  readonly layers: readonly LockedBaseLayer[];
}

/** A package of the npm registry. */
export interface LockedNpmPart extends Placement {
  readonly kind: "npm";
  readonly package: string;
  readonly version: string;
  /** `sha512-` and base64, as the registry has it. */
  readonly integrity: string;
  /** Path of the .tgz below the registry's URL. */
  readonly path: string;
}

/** A module of the Go module proxy. */
export interface LockedModulePart extends Placement {
  readonly kind: "goproxy";
  readonly module: string;
  readonly version: string;
  /** `h1:` and base64, as go.sum has it. */
  readonly sum: string;
  /** Path of the .zip below the proxy's URL. */
  readonly path: string;
}

/** What one platform gets. */
export interface LockedPlatform {
  readonly base: LockedBase;
  /**
   * Seconds since 1970 to which every modification time in the image is clamped: the date of the release, or of the
   * base's image, also when packages on top are newer.
   */
  readonly epoch: number;
  /** What is installed on top of the base: requested packages and what they need, sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** Sorted by language; absent when there are none. */
  readonly toolchains?: readonly LockedToolchain[];
  /** The lowest first; absent when there are none. */
  readonly layers?: readonly LockedCommand[];
  /** Recorded by the first build. */
  readonly image?: LockedImage;
  /**
   * What the last build recorded for the lowest layers, where the commands of others have changed since: the next build
   * must give these again, and takes this away.
   */
  readonly built?: readonly LockedLayer[];
}

/** A command of the configuration whose result is a layer, with all that decides it beside what is below. */
export interface LockedCommand {
  /** For people; each once in a platform. */
  readonly name: string;
  /** For `/bin/sh -eu`. */
  readonly run: string;
  /** Digest of what each path or pattern of the configuration stands for. */
  readonly inputs: Readonly<Record<string, Digest>>;
  readonly env: Readonly<Record<string, string>>;
  /** That it reaches the network. */
  readonly network?: true;
}

/** What a build of the platform gave, and what every other build of it must give. */
export interface LockedImage {
  /** Digest of the OCI image manifest. */
  readonly digest: Digest;
  readonly layers: readonly LockedLayer[];
}

export interface LockedLayer {
  /**
   * `base`, `directories` (what those of a base's image are like), `packages`, the name of a language,
   * `toolchains`, or `layer` for a command of the configuration.
   */
  readonly step: string;
  /** Of a command. */
  readonly name?: string;
  /** That the command reached the network: only what it gave the first time says what it has to give. */
  readonly network?: true;
  readonly cacheKey: Digest;
  readonly diffID: Digest;
}

/** Those parts of a configuration that decide the resolution, each list sorted. */
export interface LockRequest {
  /** As the configuration has it: `bootstrap:debian/bookworm`, or the reference of an image. */
  readonly base: string;
  /** The day (`2024-03-17`) as of whose end it was resolved; absent when it was as of its own time. */
  readonly asOf?: string;
  /** By name; absent when there are none. */
  readonly languages?: Readonly<
    Record<string, { readonly version: string; readonly source?: ToolchainSource }>
  >;
  readonly packages: readonly string[];
  readonly platforms: readonly Platform[];
}

/** `devenv.lock`. */
export interface Lock {
  readonly lockVersion: 1;
  /** What it was made for. */
  readonly request: LockRequest;
  readonly platforms: Readonly<Record<Platform, LockedPlatform>>;
}
