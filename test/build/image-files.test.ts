import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { imageFiles } from "../../src/build/image-files.ts";
import { outgoingLayers } from "../../src/build/layer-archive.ts";
import { document, imageConfiguration } from "../../src/build/oci.ts";
import type { OutgoingImage } from "../../src/build/outgoing.ts";
import type { Digest, LockedPlatform } from "../../src/lock/index.ts";
import { openStore } from "../../src/store/index.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const layers = ["a", "b", "a"].map((letter, index) => ({
  step: `step${index}`,
  diffID: digest(letter),
  size: 100,
  open: () => Readable.from([Buffer.alloc(100)]),
}));
const image: OutgoingImage = {
  platform: "linux/arm64",
  epoch: 1_700_000_000,
  configuration: document({
    ...imageConfiguration("linux/arm64", layers, 1_700_000_000, {}),
    config: { Labels: { "devenv.lock.digest": digest("c") } },
  }),
  layers,
};
const name = { short: "acme/shop:1", canonical: "docker.io/acme/shop:1", tag: "1" };

async function textOf(format: "oci" | "docker-archive", file: string): Promise<unknown> {
  const found = imageFiles(image, format, name).files.find((one) => one.name === file);
  if (found === undefined) throw new Error(`there is no ${file}`);
  const content = await text(found.open());
  expect(found.size).toBe(Buffer.byteLength(content));
  return JSON.parse(content);
}

test("a layout has its index first, and each blob once (image-spec, image-layout.md)", () => {
  const { digest: manifest, files } = imageFiles(image, "oci", name);
  expect(files.map((file) => file.name)).toEqual([
    "index.json",
    "oci-layout",
    `blobs/${manifest.replace(":", "/")}`,
    `blobs/${image.configuration.digest.replace(":", "/")}`,
    `blobs/sha256/${"a".repeat(64)}`,
    `blobs/sha256/${"b".repeat(64)}`,
  ]);
});

test("the index names platform, name and lock (image-spec, image-index.md)", async () => {
  const { digest: manifest, files } = imageFiles(image, "oci", name);
  const { size } = files[2] ?? { size: 0 };
  expect(await textOf("oci", "index.json")).toEqual({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: manifest,
        size,
        platform: { os: "linux", architecture: "arm64" },
        annotations: {
          "devenv.lock.digest": digest("c"),
          "io.containerd.image.name": "docker.io/acme/shop:1",
          "org.opencontainers.image.ref.name": "1",
        },
      },
    ],
  });
});

test("an archive for Docker lists all layers in their order", async () => {
  const blob = (letter: string) => `blobs/sha256/${letter.repeat(64)}`;
  expect(await textOf("docker-archive", "manifest.json")).toEqual([
    {
      Config: `blobs/${image.configuration.digest.replace(":", "/")}`,
      RepoTags: ["acme/shop:1"],
      Layers: [blob("a"), blob("b"), blob("a")],
    },
  ]);
});

test("an image whose layers are not in the store is not given away", async () => {
  const directory = mkdtempSync(join(tmpdir(), "devenv-store-"));
  const locked: LockedPlatform = {
    base: { kind: "bootstrap", distribution: "debian", suite: "bookworm", releases: [], packages: [] },
    epoch: 1,
    packages: [],
  };
  const gone = {
    digest: digest("d"),
    layers: [{ step: "base", cacheKey: digest("e"), diffID: digest("f") }],
  };
  const store = await openStore(join(directory, "store"));
  await expect(outgoingLayers(store, locked, gone)).rejects.toMatchObject({ code: "DEVENV_NOT_BUILT" });
  rmSync(directory, { recursive: true });
});
