import { createHash } from "node:crypto";
import { canonicalJson, type Digest, type Platform } from "../lock/index.ts";

/** A layer as the image knows it. */
export interface Layer {
  readonly step: string;
  /** Of a command of the configuration. */
  readonly name?: string;
  readonly diffID: Digest;
  /** Bytes of the layer's tar archive. */
  readonly size: number;
}

/** A layer that is in the store. */
export interface BuiltLayer extends Layer {
  readonly cacheKey: Digest;
  /** That it came by way of the network, from a command. */
  readonly network?: true;
}

/** OCI image configuration (image-spec, config.md), as far as devenv writes it. */
export interface ImageConfiguration {
  readonly architecture: string;
  readonly os: string;
  readonly created: string;
  readonly config: { readonly Env: readonly string[]; readonly Cmd: readonly string[] };
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history: readonly { readonly created: string; readonly created_by: string }[];
}

/** A JSON document as it is stored: its exact text and the digest of that. */
export interface Document {
  readonly text: string;
  readonly digest: Digest;
}

/**
 * The configuration of an image: the same layers, epoch and variables give the same text.
 */
export function imageConfiguration(
  platform: Platform,
  layers: readonly Layer[],
  epoch: number,
  variables: Readonly<Record<string, string>>,
): ImageConfiguration {
  const [os = "", architecture = ""] = platform.split("/");
  const created = new Date(epoch * 1000).toISOString().replace(".000Z", "Z");
  return {
    architecture,
    os,
    created,
    config: {
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Cmd: ["/bin/bash"],
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) },
    history: layers.map((layer) => ({ created, created_by: `devenv step ${layerTitle(layer)}` })),
  };
}

/** What people call a layer: `packages`, or `layer "python packages"`. */
export function layerTitle({ name, step }: { readonly name?: string; readonly step: string }): string {
  return name === undefined ? step : `${step} ${JSON.stringify(name)}`;
}

/** A layer as a manifest names it (image-spec, descriptor.md). */
export interface LayerDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * The manifest (image-spec, manifest.md). Layers are uncompressed archives, so their digests are their diffIDs and no
 * compressor has a say in the digest of the image.
 */
export function imageManifest(configuration: Document, layers: readonly Omit<Layer, "step">[]): Document {
  return manifestOf(configuration, layers.map(archiveDescriptor));
}

export function archiveDescriptor({ diffID, size }: Omit<Layer, "step">): LayerDescriptor {
  return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: diffID, size };
}

/** A manifest with layers in whatever form they are given away. */
export function manifestOf(
  configuration: Document,
  layers: readonly LayerDescriptor[],
  annotations?: Readonly<Record<string, string>>,
): Document {
  return document({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: configuration.digest,
      size: Buffer.byteLength(configuration.text),
    },
    layers,
    ...(annotations === undefined ? {} : { annotations }),
  });
}

/** Canonical JSON without blanks, and its digest. */
export function document(value: unknown): Document {
  const text = canonicalJson(value);
  return { text, digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
}
