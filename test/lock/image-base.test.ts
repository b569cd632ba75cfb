import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/config/index.ts";
import {
  type Digest,
  diffLocks,
  formatLock,
  type Lock,
  type LockedImageBase,
  lockedPackages,
  parseLock,
  requestDifferences,
  requestOf,
} from "../../src/lock/index.ts";
import { samplePackage } from "./fixture.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;

const base: LockedImageBase = {
  kind: "image",
  reference: "ghcr.io/acme/base:2",
  index: digest("1"),
  digest: digest("2"),
  config: { digest: digest("3"), size: 1500 },
  layers: [{ digest: digest("4"), size: 28_000_000, compression: "gzip", diffID: digest("5") }],
};

function lockOf(change: object = {}): Lock {
  const whole = { ...base, ...change } as LockedImageBase;
  return {
    lockVersion: 1,
    request: { base: whole.reference, packages: [], platforms: ["linux/amd64"] },
    platforms: { "linux/amd64": { base: whole, epoch: 1_700_000_000, packages: [] } },
  };
}

describe("a lock with an image as base", () => {
  test("is read as it was written, and holds no packages", () => {
    const lock = parseLock(formatLock(lockOf()), "devenv.lock");
    expect(lock).toEqual(lockOf());
    expect(Object.values(lock.platforms).flatMap(lockedPackages)).toEqual([]);
  });

  test("without an index, and with any reference that a configuration may have", () => {
    for (const reference of [
      "debian",
      "localhost:5000/a/b:1",
      `[::1]:5000/a@${digest("0")}`,
      "Registry.io/a",
    ]) {
      const lock = lockOf({ reference, index: undefined });
      expect(parseLock(formatLock(lock), "devenv.lock").platforms["linux/amd64"]?.base).toMatchObject({
        reference,
      });
    }
  });

  test("with SHA-512 where a registry may know it by that", () => {
    const long = `sha512:${"a".repeat(128)}` as const;
    const change = {
      index: long,
      digest: long,
      config: { digest: long, size: 1 },
      layers: [{ digest: long, size: 1, compression: "zstd", diffID: digest("5") }],
    };
    const lock = parseLock(formatLock(lockOf(change)), "devenv.lock");
    expect(lock.platforms["linux/amd64"]?.base).toMatchObject(change);
  });

  test.each<[string, object]>([
    ["a SHA-512 of too few digits", { digest: `sha512:${"a".repeat(64)}` }],
    ["a SHA-256 of too many digits", { digest: `sha256:${"a".repeat(128)}` }],
    ["a digest in capitals", { index: `sha512:${"A".repeat(128)}` }],
    ["a diffID of SHA-512", { layers: [{ ...base.layers[0], diffID: `sha512:${"a".repeat(128)}` }] }],
    ["a reference with a scheme", { reference: "https://ghcr.io/acme/base" }],
    ["a reference with blanks", { reference: "ghcr.io/acme/base --help" }],
    ["a tag in place of a digest", { digest: "latest" }],
    ["a path in place of a digest", { index: "sha256:../../x" }],
    ["an image without layers", { layers: [] }],
    ["a layer without a size", { layers: [{ ...base.layers[0], size: -1 }] }],
    ["an unknown compression", { layers: [{ ...base.layers[0], compression: "lzma" }] }],
    ["a layer's diffID that is none", { layers: [{ ...base.layers[0], diffID: "sha256:0" }] }],
    ["a configuration without a digest", { config: { size: 1 } }],
    ["packages of the base", { packages: [] }],
  ])("%s is refused", (_, change) => {
    expect(() => parseLock(formatLock(lockOf(change)), "devenv.lock")).toThrow(
      expect.objectContaining({ code: "DEVENV_LOCK_INVALID" }),
    );
  });

  const release = {
    archive: "debian",
    suite: "bookworm",
    date: "2026-11-01T08:15:00Z",
    sha256: "1".repeat(64),
  };
  const origin = { distribution: "debian", suite: "bookworm", releases: [release] };

  function withPackages(change: object): Lock {
    const lock = lockOf(change);
    const [platform] = Object.values(lock.platforms);
    if (platform === undefined) throw new Error("no platform");
    const packages = [samplePackage("git", "1:2.39.5-0+deb12u2", "amd64")];
    return { ...lock, platforms: { "linux/amd64": { ...platform, packages } } };
  }

  test("has packages of the release that it names, and may name one without any", () => {
    for (const lock of [withPackages(origin), lockOf(origin)])
      expect(parseLock(formatLock(lock), "devenv.lock")).toEqual(lock);
  });

  test.each<[string, Lock, string]>([
    ["packages without a release", withPackages({}), "names no release"],
    ["a release without its indexes", withPackages({ ...origin, releases: undefined }), 'the key "releases"'],
    ["indexes without a release", lockOf({ releases: [release] }), 'the key "suite"'],
    ["another distribution", lockOf({ ...origin, distribution: "ubuntu" }), "debian"],
    ["another release", lockOf({ ...origin, suite: "sid" }), "bookworm"],
    ["the index of another release", lockOf({ ...origin, suite: "trixie" }), "trixie-updates"],
    ["packages of its own", lockOf({ ...origin, packages: [] }), "only the keys"],
  ])("%s is refused", (_, lock, reason) => {
    expect(() => parseLock(formatLock(lock), "devenv.lock")).toThrow(
      expect.objectContaining({ code: "DEVENV_LOCK_INVALID", message: expect.stringContaining(reason) }),
    );
  });

  test("tells which packages and indexes changed", () => {
    const later = {
      ...origin,
      releases: [{ ...release, date: "2026-12-01T08:15:00Z", sha256: "2".repeat(64) }],
    };
    expect(diffLocks(lockOf(), withPackages(origin))).toEqual([
      "added git 1:2.39.5-0+deb12u2",
      "index debian bookworm 2026-11-01T08:15:00Z",
    ]);
    expect(diffLocks(withPackages(origin), withPackages(later))).toEqual([
      "index debian bookworm 2026-11-01T08:15:00Z → 2026-12-01T08:15:00Z",
    ]);
    expect(diffLocks(undefined, withPackages(origin))).toEqual([
      "platform linux/amd64 added: ghcr.io/acme/base:2, 1 layer, 1 package on top",
    ]);
  });

  test("tells that the image moved, and that the base is another one", () => {
    expect(diffLocks(lockOf(), lockOf({ digest: digest("9") }))).toEqual([
      `base ghcr.io/acme/base:2: ${digest("2")} → ${digest("9")}`,
    ]);
    expect(diffLocks(lockOf(), lockOf({ reference: "ghcr.io/acme/base:3" }))).toEqual([
      "base ghcr.io/acme/base:2 → ghcr.io/acme/base:3",
    ]);
    expect(diffLocks(undefined, lockOf())).toEqual([
      "platform linux/amd64 added: ghcr.io/acme/base:2, 1 layer",
    ]);
  });

  test("another reference is another request", () => {
    const [first, second] = ["debian:12", "debian:13"].map((reference) =>
      requestOf(parseConfiguration(JSON.stringify({ name: "a", base: reference }), "devenv.jsonc")),
    );
    if (first === undefined || second === undefined) throw new Error("no requests");
    expect(requestDifferences(first, second)).toEqual(["the base is debian:13, locked is debian:12"]);
  });
});
