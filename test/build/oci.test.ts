import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { document, imageConfiguration, imageManifest } from "../../src/build/oci.ts";
import type { Digest } from "../../src/lock/index.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const layers = [
  { step: "base", diffID: digest("a"), size: 100 },
  { step: "packages", diffID: digest("b"), size: 200 },
];
const config = imageConfiguration("linux/arm64", layers, 1_700_000_000, { PATH: "/bin", LANG: "C.UTF-8" });

test("the configuration is the specification's (image-spec, config.md)", () => {
  expect(config).toMatchObject({
    architecture: "arm64",
    os: "linux",
    created: "2023-11-14T22:13:20Z",
    config: { Env: ["PATH=/bin", "LANG=C.UTF-8"], Cmd: ["/bin/bash"] },
    rootfs: { type: "layers", diff_ids: [digest("a"), digest("b")] },
  });
  expect(config.history).toHaveLength(layers.length);
});

test("the manifest names the configuration and the layers by digest and size (image-spec, manifest.md)", () => {
  const configuration = document(config);
  expect(JSON.parse(imageManifest(configuration, layers).text)).toEqual({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: configuration.digest,
      size: configuration.text.length,
    },
    layers: [
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digest("a"), size: 100 },
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digest("b"), size: 200 },
    ],
  });
});

test("a document is its text, whatever the order in which it was made", () => {
  const { text, digest } = document({ b: 1, a: [{ d: 2, c: "ä" }] });
  expect(text).toBe('{"a":[{"c":"ä","d":2}],"b":1}');
  expect(digest).toBe(`sha256:${createHash("sha256").update(text).digest("hex")}`);
});
