import type { Platform } from "../../lock/types.ts";

/** A digest of a registered algorithm (OCI image specification, descriptor.md); a tag is no value of this type. */
export type Digest = `sha256:${string}` | `sha512:${string}`;

/** Where manifests and blobs of one name lie. */
export interface Repository {
  /** The canonical name, with a port if it has one: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `library/debian` */
  readonly repository: string;
}

/** What a person writes to name an image; at least one of tag and digest is there. */
export interface Reference extends Repository {
  readonly tag?: string;
  readonly digest?: Digest;
}

/** What a manifest or a blob is known by (OCI image specification, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** For the manifests of an index. */
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself, base64, verified. */
  readonly data?: string;
}

/** `application/vnd.oci.image.index.v1+json` or Docker's manifest list. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** `application/vnd.oci.image.manifest.v1+json` or Docker's schema 2. */
export interface ImageManifest {
  readonly kind: "image";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export type Manifest = ImageIndex | ImageManifest;

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  /** As stored in the registry; the digest is that of these bytes. */
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/** What an image says about how it is to be run (OCI image specification, config.md), checked. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Digests of the uncompressed layers, the lowest first. */
  readonly diffIDs: readonly Digest[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** As written, `USER[:GROUP]`; empty for root. */
  readonly user: string;
  readonly workingDirectory: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created?: string;
}

/** One image for one platform, everything by digest. */
export interface ResolvedImage {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
  readonly imageConfig: ImageConfig;
}
