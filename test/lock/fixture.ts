import type { Lock, LockedCommand, LockedPackage, LockedPlatform } from "../../src/lock/index.ts";

/** A small lock that is right in every field, for tests to alter. */
export function sampleLock(): Lock {
  return {
    lockVersion: 1,
    request: {
      base: "bootstrap:debian/bookworm",
      packages: ["git", "tzdata"],
      platforms: ["linux/amd64", "linux/arm64"],
    },
    platforms: { "linux/amd64": samplePlatform("amd64"), "linux/arm64": samplePlatform("arm64") },
  };
}

export function samplePlatform(architecture: string): LockedPlatform {
  return {
    base: {
      kind: "bootstrap",
      distribution: "debian",
      suite: "bookworm",
      releases: [
        { archive: "debian", suite: "bookworm", date: "2026-11-01T08:15:00Z", sha256: "1".repeat(64) },
        {
          archive: "debian",
          suite: "bookworm-updates",
          date: "2026-11-01T08:15:00Z",
          sha256: "2".repeat(64),
        },
        {
          archive: "debian-security",
          suite: "bookworm-security",
          date: "2026-11-02T10:00:00Z",
          sha256: "3".repeat(64),
        },
      ],
      packages: [samplePackage("libc6", "2.36-9+deb12u10", architecture)],
    },
    epoch: 1793614500,
    packages: [
      samplePackage("git", "1:2.39.5-0+deb12u2", architecture),
      { ...samplePackage("tzdata", "2025b-0+deb12u1", "all"), stage: 1 },
    ],
    image: {
      digest: `sha256:${"d".repeat(64)}`,
      layers: [
        { step: "base", cacheKey: `sha256:${"4".repeat(64)}`, diffID: `sha256:${"5".repeat(64)}` },
        { step: "packages", cacheKey: `sha256:${"6".repeat(64)}`, diffID: `sha256:${"7".repeat(64)}` },
      ],
    },
  };
}

export const sampleCommand: LockedCommand = {
  name: "python packages",
  run: "pip install -r requirements.txt",
  inputs: { "requirements.txt": `sha256:${"8".repeat(64)}` },
  env: { PIP_NO_CACHE_DIR: "1" },
  network: true,
};

export function samplePackage(name: string, version: string, architecture: string): LockedPackage {
  const file = `${name}_${version.replace(/^\d+:/, "")}_${architecture}.deb`;
  return {
    name,
    version,
    architecture,
    sha256: "a".repeat(64),
    size: 1234,
    archive: "debian",
    path: `pool/main/${name.slice(0, 1)}/${name}/${file}`,
  };
}
