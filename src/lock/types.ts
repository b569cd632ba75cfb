/** `sha256:` followed by 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

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
  readonly suite: string;
  readonly releases: readonly LockedRelease[];
  readonly packages: readonly LockedPackage[];
}

/** A base that is an OCI image, exact to the byte. */
export interface LockedImageBase {
  readonly kind: "image";
  /** As the configuration has it: `debian:bookworm-slim`. */
  readonly reference: string;
  /** Digest of the image index that the reference stood for; absent when it stood for the manifest itself. */
  readonly index?: Digest;
  /** Digest of the platform's image manifest. */
  readonly digest: Digest;
  /** Of the image configuration, which holds the environment variables. */
  readonly config: LockedBlob;
  /** The lowest first. */
  readonly layers: readonly LockedBaseLayer[];
}

/** A blob of a registry's repository. */
export interface LockedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface LockedBaseLayer extends LockedBlob {
  readonly compression: "none" | "gzip" | "zstd";
  /** Digest of the uncompressed archive. */
  readonly diffID: Digest;
}

export type LockedBase = LockedBootstrap | LockedImageBase;

/** What one platform gets. */
export interface LockedPlatform {
  readonly base: LockedBase;
  /** Seconds since 1970 to which every modification time in the image is clamped: the date of the release, or of the base's image. */
  readonly epoch: number;
  /** What is installed on top of the base: requested packages and what they need, sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** Recorded by the first build. */
  readonly image?: LockedImage;
}

/** What a build of the platform gave, and what every other build of it must give. */
export interface LockedImage {
  /** Digest of the OCI image manifest. */
  readonly digest: Digest;
  readonly layers: readonly LockedLayer[];
}

export interface LockedLayer {
  /** `base` or `packages`. */
  readonly step: string;
  readonly cacheKey: Digest;
  readonly diffID: Digest;
}

/** `devenv.lock`. */
export interface Lock {
  readonly lockVersion: 1;
  /** Digest of those parts of the configuration that decide the resolution (base, packages, platforms), canonical form. */
  readonly configuration: Digest;
  readonly platforms: Readonly<Record<Platform, LockedPlatform>>;
}
