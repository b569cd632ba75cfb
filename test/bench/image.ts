import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Lock, type LockedPackage, parseLock } from "../../src/lock/index.ts";
import { packageUrls, resolveMirrors } from "../../src/sources/debian/index.ts";
import { downloadBlobs, openStore, type Store } from "../../src/store/index.ts";
import { skopeoCopy, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { command } from "./measure.ts";

/** An image for the comparisons to pull. */
export interface BenchImage {
  /** Of a registry that has it under {@link repository}, to be given to docker-registry. */
  readonly storage: string;
  readonly repository: string;
  /** Files of the compressed layers, the lowest first. */
  readonly layers: readonly string[];
}

interface Layer {
  readonly digest: string;
  readonly diffID: string;
  readonly size: number;
}

const repository = "bench/toolchains:1";

/** The layers on top of the base, and about how many bytes of .debs each of them has. */
const layerBytes = 45_000_000;

/**
 * An image with several toolchains of real Debian packages, about 450 MB in gzip and 15,000 files. The same lock gives
 * the same image, which is kept in the user's cache: compressing it takes longer than all that is measured with it.
 */
export async function benchImage(lockFile: string): Promise<BenchImage> {
  const text = await readFile(lockFile, "utf8");
  const name = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "devenv-bench");
  const place = join(cache, name);
  if ((await stat(place).catch(() => undefined)) === undefined) {
    process.stderr.write("making the image to pull, once …\n");
    await rm(cache, { recursive: true, force: true });
    await make(parseLock(text, lockFile), `${place}.part`);
    await rename(`${place}.part`, place);
  }
  const layers: Layer[] = JSON.parse(await readFile(join(place, "layers.json"), "utf8"));
  const storage = join(place, "registry");
  return { storage, repository, layers: layers.map(({ digest }) => blobIn(storage, digest)) };
}

/** Where docker-registry keeps a blob: its file system driver's paths are stable since version 2.0. */
function blobIn(storage: string, digest: string): string {
  const hex = digest.replace("sha256:", "");
  return join(storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
}

async function make(lock: Lock, place: string): Promise<void> {
  const work = join(place, "work");
  const layout = join(place, "oci");
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const store = await openStore(join(work, "store"));
  const layers: Layer[] = [];
  for (const packages of partsOf(lock)) layers.push(await makeLayer(store, packages, work, layout));
  await writeLayout(layout, layers, Object.keys(lock.platforms)[0] ?? "");
  const registry = await startDockerRegistry(undefined, join(place, "registry"));
  await skopeoCopy(`oci:${layout}:image`, `docker://${registry.name}/${repository}`, ["--quiet"]);
  await registry.stop();
  await writeFile(join(place, "layers.json"), JSON.stringify(layers));
  await rm(work, { recursive: true });
  await rm(layout, { recursive: true });
}

function partsOf(lock: Lock): LockedPackage[][] {
  const [locked] = Object.values(lock.platforms);
  if (locked?.base.kind !== "bootstrap") throw new Error("Assertion failed: not made from packages");
  const parts = [[...locked.base.packages]];
  let bytes = layerBytes;
  for (const one of locked.packages) {
    if (bytes >= layerBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(one);
    bytes += one.size;
  }
  return parts;
}

async function makeLayer(
  store: Store,
  packages: readonly LockedPackage[],
  work: string,
  layout: string,
): Promise<Layer> {
  const mirrors = resolveMirrors();
  const items = packages.map((one) => ({ ...one, urls: packageUrls(mirrors, one) }));
  await downloadBlobs(store, items);
  const root = join(work, "root");
  const tar = join(work, "layer.tar");
  await mkdir(root);
  for (const { sha256 } of packages) command(["dpkg-deb", "--extract", store.blobPath(sha256), root]);
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  command(["tar", "-C", root, ...same, "-cf", tar, "."]);
  const diffID = await digestOf(tar);
  command(["gzip", "--no-name", "-6", tar]);
  const digest = await digestOf(`${tar}.gz`);
  const blob = join(layout, "blobs", digest.replace(":", "/"));
  await rename(`${tar}.gz`, blob);
  await rm(root, { recursive: true });
  return { digest, diffID, size: (await stat(blob)).size };
}

async function writeLayout(layout: string, layers: readonly Layer[], platform: string): Promise<void> {
  const [os, architecture] = platform.split("/");
  const config = await writeBlob(layout, "application/vnd.oci.image.config.v1+json", {
    os,
    architecture,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) },
  });
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  const manifest = await writeBlob(layout, "application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: layers.map(({ digest, size }) => ({ mediaType, digest, size })),
  });
  const named = { ...manifest, annotations: { "org.opencontainers.image.ref.name": "image" } };
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

async function writeBlob(layout: string, mediaType: string, value: object): Promise<object> {
  const file = join(layout, "blob.json");
  await writeFile(file, JSON.stringify(value));
  const digest = await digestOf(file);
  await copyFile(file, join(layout, "blobs", digest.replace(":", "/")));
  const { size } = await stat(file);
  await rm(file);
  return { mediaType, digest, size };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}
