import { describe, expect, test } from "vitest";
import { readImageConfig } from "../../../src/sources/registry/image-config.ts";
import { readManifest } from "../../../src/sources/registry/manifest.ts";
import { blobOf, entryOf, imageOf, indexOf, sha256, sha512, types } from "./content.ts";

const image = imageOf("linux/amd64", ["one", "two"]);
const good = JSON.parse(image.manifest.bytes.toString()) as Record<string, unknown>;
const list = JSON.parse(indexOf([entryOf(image.manifest)]).bytes.toString()) as Record<string, unknown>;
const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

function read(value: unknown, contentType?: string) {
  return readManifest(Buffer.from(JSON.stringify(value)), contentType, "HERE");
}

function layer(change: Readonly<Record<string, unknown>>) {
  return { ...good, layers: [{ ...image.layers[0]?.descriptor, ...change }] };
}

function entry(change: Readonly<Record<string, unknown>>) {
  return { ...list, manifests: [{ ...image.manifest.descriptor, ...change }] };
}

describe("a manifest", () => {
  test.each([
    ["said by both", good, types.image],
    ["with parameters", good, `${types.image.toUpperCase()}; charset=utf-8`],
    ["said by itself only", good, undefined],
    ["said by the header only", { ...good, mediaType: undefined }, types.image],
    ["of Docker", { ...good, mediaType: types.schema2 }, types.schema2],
    [
      "with fields of later versions",
      { ...good, artifactType: "application/x", later: { a: 1 } },
      types.image,
    ],
  ])("%s", (_, value, contentType) => {
    expect(read(value, contentType)).toMatchObject({ kind: "image", config: image.config.descriptor });
  });

  test("of an index, with platforms, inline content and sha512", () => {
    const empty = blobOf("{}", types.config);
    const index = {
      ...list,
      manifests: [
        { ...image.manifest.descriptor, platform: { os: "linux", architecture: "arm", variant: "v7" } },
        { ...image.manifest.descriptor, platform: { os: "", architecture: "" } },
        { ...empty.descriptor, digest: sha512(empty.bytes), data: empty.bytes.toString("base64") },
      ],
    };
    expect(read(index, types.index)).toMatchObject({
      kind: "index",
      manifests: [{ platform: "linux/arm/v7" }, {}, { data: "e30=" }],
    });
  });

  test.each<[string, string, unknown, string | undefined]>([
    ["MEDIA_TYPE", "another type in the header", good, types.index],
    ["MEDIA_TYPE", "no type at all", { ...good, mediaType: undefined }, undefined],
    ["MEDIA_TYPE", "an unknown type", { ...good, mediaType: "text/html" }, "text/html"],
    ["MEDIA_TYPE", "a type that is no text", { ...good, mediaType: 1 }, types.image],
    ["MEDIA_TYPE", "an image that is an index as well", { ...good, manifests: [] }, types.image],
    ["MEDIA_TYPE", "an index that is an image as well", { ...list, layers: [] }, types.index],
    ["MEDIA_TYPE", "fields of schema 1", { ...good, fsLayers: [] }, types.image],
    ["SCHEMA1", "schema 1 in the header", { ...good, mediaType: undefined }, schema1],
    ["SCHEMA1", "schema 1 in the body", { schemaVersion: 1, fsLayers: [] }, "application/json"],
    ["MANIFEST", "a list", [], types.image],
    ["MANIFEST", "another schemaVersion", { ...good, schemaVersion: 3 }, types.image],
    ["MANIFEST", "no config", { ...good, config: undefined }, types.image],
    ["MANIFEST", "layers that are no list", { ...good, layers: {} }, types.image],
    ["MANIFEST", "more layers than there can be", { ...good, layers: Array(10_001).fill(0) }, types.image],
    ["MANIFEST", "a layer that is no object", { ...good, layers: ["x"] }, types.image],
    ["MANIFEST", "a digest with a path", layer({ digest: "sha256:../../etc/passwd" }), types.image],
    ["MANIFEST", "a short digest", layer({ digest: "sha256:00" }), types.image],
    ["MANIFEST", "a negative size", layer({ size: -1 }), types.image],
    ["MANIFEST", "a size beyond counting", layer({ size: 2 ** 60 }), types.image],
    ["MANIFEST", "a size that is a text", layer({ size: "3" }), types.image],
    ["MANIFEST", "a fraction of a byte", layer({ size: 0.5 }), types.image],
    ["MANIFEST", "a media type that is none", layer({ mediaType: "layer\r\nX: y" }), types.image],
    ["MANIFEST", "an annotation that is no text", layer({ annotations: { a: 1 } }), types.image],
    ["MANIFEST", "a platform that is no object", entry({ platform: "linux" }), types.index],
    [
      "MANIFEST",
      "a platform with a path",
      entry({ platform: { os: "../..", architecture: "a/b" } }),
      types.index,
    ],
    ["SIZE", "inline content of another size", layer({ data: "AAAA", size: 4 }), types.image],
    ["DIGEST", "inline content with another digest", layer({ data: "AAAA", size: 3 }), types.image],
  ])("is refused as %s: %s", (code, _, value, contentType) => {
    expect(() => read(value, contentType)).toThrow(
      expect.objectContaining({
        code: `DEVENV_REGISTRY_${code}`,
        message: expect.stringMatching(/^HERE/),
      }),
    );
  });
});

describe("an image's configuration", () => {
  const diffIDs = [sha256(Buffer.from("one"))];
  const least = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: diffIDs } };

  function readConfig(value: unknown, layers = 1) {
    return readImageConfig(Buffer.from(JSON.stringify(value)), layers, "HERE");
  }

  test("may leave out nearly everything", () => {
    expect(readConfig(least)).toEqual({
      platform: "linux/amd64",
      diffIDs,
      env: [],
      entrypoint: [],
      command: [],
      user: "",
      workingDirectory: "",
      labels: {},
    });
  });

  test("is read whole", () => {
    const config = {
      Env: ["A=b=c", "D="],
      Entrypoint: ["/init"],
      Cmd: null,
      User: "1000:0",
      WorkingDir: "/w",
    };
    expect(readConfig({ ...least, variant: "v2", created: "2024-01-01T00:00:00Z", config })).toMatchObject({
      platform: "linux/amd64/v2",
      env: ["A=b=c", "D="],
      entrypoint: ["/init"],
      user: "1000:0",
      workingDirectory: "/w",
      created: "2024-01-01T00:00:00Z",
    });
  });

  test.each<[string, string, unknown, number?]>([
    ["MANIFEST", "no JSON object", 5],
    ["MANIFEST", "no platform", { ...least, architecture: undefined }],
    ["MANIFEST", "no rootfs", { ...least, rootfs: undefined }],
    ["MANIFEST", "fewer diffIDs than layers", least, 2],
    ["MANIFEST", "more diffIDs than layers", least, 0],
    ["MANIFEST", "diffIDs that are no list", { ...least, rootfs: { type: "layers", diff_ids: "x" } }],
    ["DIGEST", "a diffID that is none", { ...least, rootfs: { type: "layers", diff_ids: ["../x"] } }],
    ["MANIFEST", "a config that is no object", { ...least, config: [] }],
    ["MANIFEST", "variables that are no list", { ...least, config: { Env: "A=b" } }],
    ["MANIFEST", "a variable without a name", { ...least, config: { Env: ["=x"] } }],
    ["MANIFEST", "an argument with NUL", { ...least, config: { Cmd: ["a\0b"] } }],
    ["MANIFEST", "a user that is a number", { ...least, config: { User: 0 } }],
    ["MANIFEST", "labels that are no texts", { ...least, config: { Labels: { a: {} } } }],
  ])("is refused as %s: %s", (code, _, value, layers) => {
    expect(() => readConfig(value, layers)).toThrow(
      expect.objectContaining({ code: `DEVENV_REGISTRY_${code}` }),
    );
  });
});
