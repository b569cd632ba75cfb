import { randomBytes } from "node:crypto";
import { createReadStream, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  blobExists,
  fetchManifest,
  listTags,
  openBlob,
  pushBlob,
  pushManifest,
  type Repository,
  readBlob,
  resolveImage,
  resolveTag,
} from "../../../src/sources/registry/index.ts";
import { blobOf, entryOf, imageOf, indexOf, sha256, sha512, types, writeLayout } from "./content.ts";
import { type DockerRegistry, skopeoCopy, startDockerRegistry } from "./docker-registry.ts";
import { referenceTo, testClient } from "./fake-registry.ts";

const large = randomBytes(3_000_000);
const images = {
  amd64: imageOf("linux/amd64", [large, "second"]),
  arm64: imageOf("linux/arm64", ["other"], { config: { Env: null, User: "dev:dev", Labels: { a: "b" } } }),
};
const index = indexOf([
  entryOf(images.amd64.manifest, "linux/amd64"),
  entryOf(images.arm64.manifest, "linux/arm64/v8"),
]);

let directory: string;
let registry: DockerRegistry;
let repository: Repository;
const client = testClient();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "devenv-layout-"));
  const parts = Object.values(images).flatMap(({ manifest, config, layers }) => [
    manifest,
    config,
    ...layers,
  ]);
  writeLayout(join(directory, "image"), index, parts);
  registry = await startDockerRegistry();
  repository = { registry: registry.name, repository: "acme/tool" };
  await skopeoCopy(`oci:${join(directory, "image")}:latest`, `docker://${registry.name}/acme/tool:1.0`, [
    "--all",
    "--preserve-digests",
  ]);
});

afterAll(async () => {
  await registry.stop();
  await rm(directory, { recursive: true, force: true });
});

describe("an image that skopeo pushed", () => {
  test("is resolved for each platform", async () => {
    const found = await resolveImage(client, referenceTo(registry, "acme/tool:1.0"), [
      "linux/arm64",
      "linux/amd64",
    ]);
    expect(found.descriptor).toEqual(index.descriptor);
    expect(found.images.map(({ manifest }) => manifest.digest)).toEqual([
      images.arm64.manifest.descriptor.digest,
      images.amd64.manifest.descriptor.digest,
    ]);
    expect(found.images[0]).toMatchObject({
      platform: "linux/arm64",
      config: images.arm64.config.descriptor,
      layers: [images.arm64.layers[0]?.descriptor],
      imageConfig: { platform: "linux/arm64", user: "dev:dev", env: [], labels: { a: "b" } },
    });
    expect(found.images[1]?.imageConfig).toMatchObject({
      env: ["PATH=/bin"],
      command: ["sh"],
      entrypoint: [],
    });
  });

  test("is fetched by digest", async () => {
    const { digest } = images.amd64.manifest.descriptor;
    const fetched = await fetchManifest(client, { ...repository, digest });
    expect(fetched.bytes.equals(images.amd64.manifest.bytes)).toBe(true);
    expect(fetched.descriptor).toEqual(images.amd64.manifest.descriptor);
  });

  test("is looked up without being pulled", async () => {
    expect(await resolveTag(client, referenceTo(registry, "acme/tool:1.0"))).toEqual(index.descriptor);
  });

  test("gives its blobs as streams and whole", async () => {
    const { descriptor } = blobOf(large, types.layer);
    const chunks = await openBlob(client, repository, descriptor, { verify: true }).toArray();
    expect(Buffer.concat(chunks).equals(large)).toBe(true);
    expect((await readBlob(client, repository, descriptor)).equals(large)).toBe(true);
  });

  test("that is not there is said to be missing, with the registry's own words", async () => {
    await expect(fetchManifest(client, referenceTo(registry, "acme/tool:2.0"))).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_NOT_FOUND",
      message: expect.stringContaining("MANIFEST_UNKNOWN"),
    });
  });
});

describe("pushing", () => {
  test("uploads what is missing, once", async () => {
    const { bytes, descriptor } = blobOf(randomBytes(1_000_000), types.layer);
    const open = async function* () {
      yield bytes.subarray(0, 400_000);
      yield bytes.subarray(400_000);
    };
    expect(await blobExists(client, repository, descriptor)).toBe(false);
    expect(await pushBlob(client, repository, descriptor, open)).toBe("uploaded");
    expect(await pushBlob(client, repository, descriptor, open)).toBe("existed");
    expect((await readBlob(client, repository, descriptor)).equals(bytes)).toBe(true);
  });

  test("mounts what another repository has", async () => {
    const other = { ...repository, repository: "acme/other" };
    const { descriptor } = blobOf(large, types.layer);
    const open = () => {
      throw new Error("must not be read");
    };
    expect(await pushBlob(client, other, descriptor, open, { mountFrom: "acme/tool" })).toBe("mounted");
    expect(await blobExists(client, other, descriptor)).toBe(true);
  });

  test("uploads what the other repository does not have either", async () => {
    const other = { ...repository, repository: "acme/third" };
    const { bytes, descriptor } = blobOf("nobody has this", types.layer);
    const open = async function* () {
      yield bytes;
    };
    expect(await pushBlob(client, other, descriptor, open, { mountFrom: "acme/tool" })).toBe("uploaded");
  });

  test("stores an image that skopeo reads back", async () => {
    const image = imageOf("linux/amd64", ["pushed by ourselves"]);
    const target = { ...repository, repository: "acme/pushed", tag: "v1" };
    for (const { bytes, descriptor } of [image.config, ...image.layers]) {
      await pushBlob(client, target, descriptor, async function* () {
        yield bytes;
      });
    }
    const descriptor = await pushManifest(client, target, image.manifest.bytes, types.image);
    expect(descriptor).toEqual(image.manifest.descriptor);
    expect(await resolveTag(client, target)).toEqual(descriptor);
    await skopeoCopy(`docker://${registry.name}/acme/pushed:v1`, `dir:${join(directory, "back")}`);
    const { tag: _, ...untagged } = target;
    const second = imageOf("linux/arm64", ["pushed by ourselves"]);
    await pushBlob(client, target, second.config.descriptor, async function* () {
      yield second.config.bytes;
    });
    const { digest } = await pushManifest(client, untagged, second.manifest.bytes, types.image);
    expect((await fetchManifest(client, { ...repository, repository: "acme/pushed", digest })).bytes).toEqual(
      second.manifest.bytes,
    );
  });

  test("with the wrong digest is refused by the registry", async () => {
    const bytes = Buffer.from("these bytes");
    const wrong = { digest: sha256(Buffer.from("other bytes")), size: bytes.length };
    const open = async function* () {
      yield bytes;
    };
    await expect(pushBlob(client, repository, wrong, open)).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_REFUSED",
      message: expect.stringContaining("DIGEST_INVALID"),
    });
  });

  test("a manifest whose layers are missing is refused by the registry", async () => {
    const { manifest } = imageOf("linux/amd64", ["never pushed"]);
    await expect(
      pushManifest(client, { ...repository, tag: "broken" }, manifest.bytes, types.image),
    ).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_REFUSED",
      message: expect.stringContaining("MANIFEST_BLOB_UNKNOWN"),
    });
  });

  test("the wrong number of bytes is an error of our own", async () => {
    const content = { digest: sha256(Buffer.from("wrong")), size: 10 };
    for (const part of ["too short", "much too long"]) {
      const open = async function* () {
        yield Buffer.from(part);
      };
      await expect(pushBlob(client, repository, content, open)).rejects.toMatchObject({
        code: "DEVENV_REGISTRY_SIZE",
      });
    }
  });

  test("what cannot be read fails with the reader's own error", async () => {
    const content = { digest: sha256(Buffer.from("gone")), size: 10 };
    const open = () => createReadStream("/nonexistent/layer");
    await expect(pushBlob(client, repository, content, open)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a manifest under a digest that it does not have is refused here", async () => {
    const target = { ...repository, digest: sha256(Buffer.from("another manifest")) };
    await expect(
      pushManifest(client, target, images.amd64.manifest.bytes, types.image),
    ).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_DIGEST",
    });
  });
});

test("sha512 digests work like sha256 ones", async () => {
  const bytes = Buffer.from("known by a longer name");
  const descriptor = { digest: sha512(bytes), size: bytes.length, mediaType: types.layer };
  await pushBlob(client, repository, descriptor, async function* () {
    yield bytes;
  });
  expect(await readBlob(client, repository, descriptor)).toEqual(bytes);
});

test("all tags are listed", async () => {
  const target = { ...repository, repository: "acme/tags" };
  const image = imageOf("linux/amd64", ["tagged"]);
  for (const { bytes, descriptor } of [image.config, ...image.layers]) {
    await pushBlob(client, target, descriptor, async function* () {
      yield bytes;
    });
  }
  const tags = ["1.0", "1.1", "latest"];
  for (const tag of tags) await pushManifest(client, { ...target, tag }, image.manifest.bytes, types.image);
  expect((await listTags(client, target)).sort()).toEqual(tags);
});
