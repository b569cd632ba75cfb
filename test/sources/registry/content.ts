import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../../src/sources/registry/index.ts";

export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  image: "application/vnd.oci.image.manifest.v1+json",
  list: "application/vnd.docker.distribution.manifest.list.v2+json",
  schema2: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** Content and what it is known by. */
export interface Blob {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

export function blobOf(
  content: string | Uint8Array | Readonly<Record<string, unknown>>,
  mediaType: string,
  more: Readonly<Record<string, unknown>> = {},
): Blob {
  const isBytes = typeof content === "string" || content instanceof Uint8Array;
  const bytes = Buffer.from(isBytes ? content : JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.length, ...more } };
}

export function sha256(bytes: Uint8Array): `sha256:${string}` {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function sha512(bytes: Uint8Array): `sha512:${string}` {
  return `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
}

/** An image with all that belongs to it. */
export interface Image {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

/** An image of uncompressed layers; `config` is laid over its configuration. */
export function imageOf(
  platform: string,
  layers: readonly (string | Uint8Array)[],
  config: Readonly<Record<string, unknown>> = {},
): Image {
  const [os, architecture, variant] = platform.split("/");
  const blobs = layers.map((layer) => blobOf(layer, types.layer));
  const configBlob = blobOf(
    {
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: blobs.map(({ descriptor }) => descriptor.digest) },
      ...config,
    },
    types.config,
  );
  return { manifest: manifestOf(configBlob, blobs), config: configBlob, layers: blobs };
}

export function manifestOf(config: Blob, layers: readonly Blob[]): Blob {
  return blobOf(
    {
      schemaVersion: 2,
      mediaType: types.image,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    },
    types.image,
  );
}

export function indexOf(
  entries: readonly Readonly<Record<string, unknown>>[],
  mediaType: string = types.index,
): Blob {
  return blobOf({ schemaVersion: 2, mediaType, manifests: entries }, mediaType);
}

/** An entry of an index, as the specification writes platforms. */
export function entryOf(blob: Blob, platform?: string): Readonly<Record<string, unknown>> {
  if (platform === undefined) return { ...blob.descriptor };
  const [os, architecture, variant] = platform.split("/");
  return {
    ...blob.descriptor,
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  };
}

/** Writes an OCI image layout (image-layout.md) whose only name is `latest`. */
export function writeLayout(directory: string, top: Blob, others: readonly Blob[]): void {
  mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
  for (const { bytes } of [top, ...others]) {
    writeFileSync(join(directory, "blobs", sha256(bytes).replace(":", "/")), bytes);
  }
  const named = { ...top.descriptor, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
}
