import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/config/index.ts";
import {
  basePackages,
  canonicalJson,
  type Digest,
  diffLocks,
  type Lock,
  type LockedPlatform,
  requestOf,
} from "../../src/lock/index.ts";
import { sampleLock, samplePackage, samplePlatform } from "./fixture.ts";

function withPlatforms(alter: (platform: LockedPlatform, architecture: string) => LockedPlatform): Lock {
  return {
    ...sampleLock(),
    platforms: {
      "linux/amd64": alter(samplePlatform("amd64"), "amd64"),
      "linux/arm64": alter(samplePlatform("arm64"), "arm64"),
    },
  };
}

describe("the difference of two locks", () => {
  test("is empty for equal ones", () => {
    expect(diffLocks(sampleLock(), sampleLock())).toEqual([]);
  });

  test("reads like a change log, one line for all platforms alike", () => {
    const after = withPlatforms((platform, architecture) => ({
      ...platform,
      packages: [
        samplePackage("curl", "7.88.1", architecture),
        samplePackage("git", "1:2.39.6", architecture),
      ],
    }));
    expect(diffLocks(sampleLock(), after)).toEqual([
      "added curl 7.88.1",
      "changed git 1:2.39.5-0+deb12u2 → 1:2.39.6",
      "removed tzdata 2025b-0+deb12u1",
    ]);
  });

  test("names the platform where only one changed", () => {
    const after = withPlatforms((platform, architecture) =>
      architecture === "amd64" ? platform : { ...platform, packages: platform.packages.slice(0, 1) },
    );
    expect(diffLocks(sampleLock(), after)).toEqual(["removed tzdata 2025b-0+deb12u1 (linux/arm64)"]);
  });

  test("does not hide another file with the same version", () => {
    const after = withPlatforms((platform) => ({
      ...platform,
      packages: platform.packages.map((locked) => ({ ...locked, sha256: "b".repeat(64) })),
    }));
    expect(diffLocks(sampleLock(), after)).toEqual([
      "changed git 1:2.39.5-0+deb12u2: another file with the same version (sha256 bbbbbbbbbbbb…)",
      "changed tzdata 2025b-0+deb12u1: another file with the same version (sha256 bbbbbbbbbbbb…)",
    ]);
  });

  test("tells moves, stages, bases, indexes and images", () => {
    const after = withPlatforms((platform) => ({
      ...platform,
      base: {
        kind: "bootstrap" as const,
        distribution: "debian" as const,
        suite: "trixie",
        releases: [
          { archive: "debian", suite: "bookworm", date: "2026-12-01T00:00:00Z", sha256: "9".repeat(64) },
        ],
        packages: [...basePackages(platform), ...platform.packages.slice(0, 1)],
      },
      packages: platform.packages.slice(1).map((locked) => ({ ...locked, stage: 2 })),
      image: { digest: `sha256:${"e".repeat(64)}` as Digest, layers: [] },
    }));
    expect(diffLocks(sampleLock(), after)).toEqual([
      "base bootstrap:debian/bookworm → bootstrap:debian/trixie",
      "moved git 1:2.39.5-0+deb12u2 from the packages to the base",
      "tzdata 2025b-0+deb12u1 is installed at another stage",
      "index debian bookworm 2026-11-01T08:15:00Z → 2026-12-01T00:00:00Z",
      `image sha256:${"d".repeat(64)} → sha256:${"e".repeat(64)}`,
    ]);
  });

  test("another day comes first", () => {
    const lock = sampleLock();
    const asOf = (day: string): Lock => ({ ...lock, request: { ...lock.request, asOf: day } });
    expect(diffLocks(lock, asOf("2024-03-17"))).toEqual(["as of today → 2024-03-17"]);
    expect(diffLocks(asOf("2024-03-17"), asOf("2024-06-01"))).toEqual(["as of 2024-03-17 → 2024-06-01"]);
  });

  test("a first build is no change", () => {
    const { image: _, ...unbuilt } = samplePlatform("amd64");
    const before: Lock = {
      ...sampleLock(),
      platforms: { ...sampleLock().platforms, "linux/amd64": unbuilt },
    };
    expect(diffLocks(before, sampleLock())).toEqual([]);
  });

  test("platforms come and go", () => {
    const amd64: Lock = { ...sampleLock(), platforms: { "linux/amd64": samplePlatform("amd64") } };
    expect(diffLocks(amd64, sampleLock())).toEqual([
      "platform linux/arm64 added: debian/bookworm with 1 packages, 2 on top",
    ]);
    expect(diffLocks(sampleLock(), amd64)).toEqual(["platform linux/arm64 removed"]);
    expect(diffLocks(undefined, amd64)).toHaveLength(1);
  });
});

describe("what a lock is made for", () => {
  const request = (members: object): string =>
    canonicalJson(
      requestOf(
        parseConfiguration(
          JSON.stringify({ name: "a", base: "bootstrap:debian/bookworm", ...members }),
          "devenv.jsonc",
        ),
      ),
    );
  const plain = request({ packages: ["git", "curl"] });

  test("does not depend on order, name or what an environment gets later", () => {
    expect(request({ packages: ["curl", "git"] })).toBe(plain);
    expect(request({ packages: ["git", "curl"], platforms: ["linux/arm64", "linux/amd64"] })).toBe(plain);
    expect(request({ packages: ["git", "curl"], name: "b", env: { A: "1" }, tasks: { t: "true" } })).toBe(
      plain,
    );
  });

  test("depends on base, day, languages, packages and platforms", () => {
    const others = [
      { packages: ["git"] },
      { packages: ["git", "curl"], platforms: ["linux/amd64"] },
      { packages: ["git", "curl"], base: "bootstrap:debian/trixie" },
      { packages: ["git", "curl"], asOf: "2024-03-17" },
      { packages: ["git", "curl"], languages: { node: "20" } },
    ].map(request);
    expect(new Set([plain, ...others]).size).toBe(6);
  });

  test("is written into locks, so that it never changes by accident", () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: "é" })).toBe('{"a":"é","b":[{"d":1}]}');
    expect(request({ languages: { node: "20" } })).toBe(
      '{"base":"bootstrap:debian/bookworm","languages":{"node":{"version":"20"}},"packages":[],"platforms":["linux/amd64","linux/arm64"]}',
    );
  });
});
