import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256Of, type TarEntry, tarOf } from "../support/archives.ts";

export type Compression = "none" | "gzip" | "zstd";
export type Node = readonly [
  kind: string,
  mode: string,
  uid: number,
  gid: number,
  mtime: string,
  content: string | number | null,
  attributes: Readonly<Record<string, string>>,
  same: string | null,
];
export type Tree = Readonly<Record<string, Node>>;

/** A layer as its descriptor and the image's configuration announce it. */
export interface Layer {
  readonly data: Buffer;
  readonly compression: Compression;
  readonly digest: string;
  readonly size: number;
  readonly diffID: string;
}

/** A layer of these entries. */
export function layerOf(entries: readonly TarEntry[], compression: Compression = "none"): Layer {
  const tar = tarOf(entries);
  const data = compression === "none" ? tar : compression === "gzip" ? gzipSync(tar) : zstd(tar);
  return announce(data, tar, compression);
}

export function announce(data: Buffer, tar: Buffer, compression: Compression): Layer {
  const digest = `sha256:${sha256Of(data)}`;
  return { data, compression, digest, size: data.length, diffID: `sha256:${sha256Of(tar)}` };
}

export function zstd(data: Buffer): Buffer {
  return execFileSync("zstd", ["-q", "-c"], { input: data, maxBuffer: 100_000_000 });
}

/** The tree below /t that umoci makes of an image with these layers. */
export function treeByUmoci(directory: string, layers: readonly Layer[]): Tree {
  const image = join(directory, "image");
  const bundle = join(directory, "bundle");
  for (const path of [image, bundle]) rmSync(path, { recursive: true, force: true });
  mkdirSync(join(image, "blobs/sha256"), { recursive: true });
  const keep = (data: Buffer | string, mediaType: string) => {
    const bytes = Buffer.from(data);
    const hex = sha256Of(bytes);
    writeFileSync(join(image, "blobs/sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const config = keep(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) },
    }),
    type("config.v1+json"),
  );
  const manifest = keep(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type("manifest.v1+json"),
      config,
      layers: layers.map(({ data }) => keep(data, type("layer.v1.tar+gzip"))),
    }),
    type("manifest.v1+json"),
  );
  writeFileSync(join(image, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { "org.opencontainers.image.ref.name": "test" };
  writeFileSync(
    join(image, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  execFileSync("umoci", ["unpack", "--image", `${image}:test`, bundle], { stdio: "pipe" });
  const tool = join(import.meta.dirname, "tree.py");
  const printed = execFileSync("python3", [tool, join(bundle, "rootfs/t")], { encoding: "utf8" });
  return (JSON.parse(printed) as Tree[])[0] as Tree;
}
