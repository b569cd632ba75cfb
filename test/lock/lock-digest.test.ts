import { expect, test } from "vitest";
import { type Lock, lockDigest } from "../../src/lock/index.ts";

const hex = "0".repeat(64);
const lock: Lock = {
  lockVersion: 1,
  request: { base: "bootstrap:debian/bookworm", packages: [], platforms: ["linux/amd64"] },
  platforms: {
    "linux/amd64": {
      base: { kind: "bootstrap", distribution: "debian", suite: "bookworm", releases: [], packages: [] },
      epoch: 1,
      packages: [],
      toolchains: [
        {
          language: "python",
          version: "3.9.2",
          source: "image",
          parts: [],
          packages: [],
          path: [],
          variables: {},
          check: [],
        },
      ],
    },
  },
};
const platform = lock.platforms["linux/amd64"];
if (platform === undefined) throw new Error("no platform");
const withPlatform = (change: Partial<typeof platform>): Lock => ({
  ...lock,
  platforms: { "linux/amd64": { ...platform, ...change } },
});

test("what builds record does not count, commands and their inputs do", () => {
  const layer = { step: "base", cacheKey: `sha256:${hex}`, diffID: `sha256:${hex}` } as const;
  expect(lockDigest(withPlatform({ built: [layer] }))).toBe(lockDigest(lock));
  const command = { name: "a", run: "a", inputs: {}, env: {} };
  const digests = [command, { ...command, inputs: { a: `sha256:${hex}` } as const }].map((one) =>
    lockDigest(withPlatform({ layers: [one] })),
  );
  expect(new Set([...digests, lockDigest(lock)]).size).toBe(3);
});

test("the digest of a lock is that of what decides the image, in whatever order it was made", () => {
  const { request, lockVersion, platforms } = lock;
  expect(lockDigest({ platforms, request, lockVersion })).toBe(lockDigest(lock));
  expect(lockDigest(withPlatform({ epoch: 2 }))).not.toBe(lockDigest(lock));
  expect(lockDigest({ ...lock, platforms: { ...lock.platforms, "linux/arm64": platform } })).not.toBe(
    lockDigest(lock),
  );
});

test("what builds record does not change it", () => {
  const image = { digest: `sha256:${hex}`, layers: [] } as const;
  expect(lockDigest(withPlatform({ image }))).toBe(lockDigest(lock));
  const toolchains = platform.toolchains?.map((one) => ({ ...one, libraries: ["libssl1.1"] })) ?? [];
  expect(lockDigest(withPlatform({ toolchains }))).toBe(lockDigest(lock));
});
