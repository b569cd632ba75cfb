import { Readable } from "node:stream";
import { archiveDescriptor, type Document, document, manifestOf } from "./oci.ts";
import { lockLabel, type OutgoingImage } from "./outgoing.ts";

export type ExportFormat = "oci" | "docker-archive";

/** The name that an image gets where it is loaded. */
export interface ImageName {
  /** As a person writes it: `shop-api:latest`. */
  readonly short: string;
  /** With its registry: `docker.io/library/shop-api:latest`. */
  readonly canonical: string;
  readonly tag: string;
}

/** A file of an exported image. */
export interface ImageFile {
  /** Relative. */
  readonly name: string;
  readonly size: number;
  open(signal?: AbortSignal): Readable;
}

/** An image as files, the same ones in a directory and in an archive. */
export interface ImageFiles {
  /** Of the manifest. */
  readonly digest: string;
  readonly files: readonly ImageFile[];
}

/**
 * An OCI image layout (image-spec, image-layout.md). The archive that Docker loads is one as well, as `docker save` has
 * written them since Docker 25, with a manifest.json for those before it. index.json comes first: it tells of a file
 * that is to be replaced whether it was made here.
 */
export function imageFiles(image: OutgoingImage, format: ExportFormat, name: ImageName): ImageFiles {
  const { configuration, layers } = image;
  const manifest = manifestOf(configuration, layers.map(archiveDescriptor));
  const blobs = new Map(
    layers.map(({ diffID, open, size }): [string, ImageFile] => [
      diffID,
      { name: blobName(diffID), size, open },
    ]),
  );
  return {
    digest: manifest.digest,
    files: [
      textFile("index.json", indexText(image, manifest, name)),
      textFile("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
      ...(format === "oci" ? [] : [textFile("manifest.json", dockerText(image, name))]),
      textFile(blobName(manifest.digest), manifest.text),
      textFile(blobName(configuration.digest), configuration.text),
      ...blobs.values(),
    ],
  };
}

/** An entry of an index for an image (image-spec, image-index.md). */
export function indexEntry(
  { configuration, platform }: OutgoingImage,
  manifest: Document,
  annotations: Readonly<Record<string, string>> = {},
) {
  const [os, architecture, variant] = platform.split("/");
  const { config } = JSON.parse(configuration.text) as { config: { Labels: Record<string, string> } };
  const lock = config.Labels[lockLabel];
  return {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: manifest.digest,
    size: Buffer.byteLength(manifest.text),
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    annotations: { ...annotations, ...(lock === undefined ? {} : { [lockLabel]: lock }) },
  };
}

/** An index as it is stored. */
export function indexDocument(entries: readonly unknown[]): Document {
  return document({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: entries,
  });
}

function indexText(image: OutgoingImage, manifest: Document, name: ImageName): string {
  const named = {
    "io.containerd.image.name": name.canonical,
    "org.opencontainers.image.ref.name": name.tag,
  };
  return indexDocument([indexEntry(image, manifest, named)]).text;
}

function dockerText({ configuration, layers }: OutgoingImage, { short }: ImageName): string {
  const entry = {
    Config: blobName(configuration.digest),
    RepoTags: [short],
    Layers: layers.map(({ diffID }) => blobName(diffID)),
  };
  return document([entry]).text;
}

function blobName(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function textFile(name: string, text: string): ImageFile {
  const bytes = Buffer.from(text);
  return { name, size: bytes.length, open: () => Readable.from([bytes], { objectMode: false }) };
}
