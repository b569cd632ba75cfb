import { describe, expect, test } from "vitest";
import { type Configuration, parseConfiguration } from "../../src/config/index.ts";
import { basePackages, type Digest, type Lock, type LockedPackage } from "../../src/lock/index.ts";
import { type BaseImage, resolveLock } from "../../src/resolve/index.ts";
import type { PackageIndex } from "../../src/sources/debian/index.ts";
import { indexOf, type PackageList } from "../sources/debian/solver-index.ts";

const system: PackageList = {
  "libc6 2.36-9": {},
  "dash 0.5": { Essential: "yes", "Pre-Depends": "libc6" },
  "mount 2.38": { Priority: "required" },
  "apt 2.6": { Depends: "libapt (>= 2)" },
  "libapt 2.6": {},
  "git 2.39": { Depends: "libc6, perl" },
  "perl 5.36": { Depends: "libc6 (>= 2.36)" },
};

function configurationOf(...packages: string[]): Configuration {
  const file = { name: "test", base: "bootstrap:debian/bookworm", platforms: ["linux/amd64"], packages };
  return parseConfiguration(JSON.stringify(file), "devenv.jsonc");
}

function lockOf(index: PackageIndex, packages: string[], previous?: Lock): Lock {
  return resolveLock(configurationOf(...packages), new Map([["linux/amd64", index]]), previous);
}

function platformOf(lock: Lock) {
  const platform = lock.platforms["linux/amd64"];
  if (platform === undefined) throw new Error("no platform");
  return platform;
}

const titles = (packages: readonly LockedPackage[]) =>
  packages.map(({ name, version }) => `${name} ${version}`);

describe("resolveLock", () => {
  test("a base is what is essential, required and apt, with what they need, by name", () => {
    const { base, packages } = platformOf(lockOf(indexOf(system), []));
    expect(titles(basePackages({ base }))).toEqual([
      "apt 2.6",
      "dash 0.5",
      "libapt 2.6",
      "libc6 2.36-9",
      "mount 2.38",
    ]);
    expect(packages).toEqual([]);
    expect(base).toMatchObject({ kind: "bootstrap", distribution: "debian", suite: "bookworm" });
  });

  test("packages are what is asked for and not in the base, with what they need", () => {
    const { packages } = platformOf(lockOf(indexOf(system), ["git", "dash"]));
    expect(titles(packages)).toEqual(["git 2.39", "perl 5.36"]);
  });

  test("the order in the configuration does not matter", () => {
    const index = indexOf(system);
    expect(lockOf(index, ["git", "perl"])).toEqual(lockOf(index, ["perl", "git"]));
  });

  test("every package is exact to the byte", () => {
    const [first] = platformOf(lockOf(indexOf(system), ["git"])).packages;
    const [record] = indexOf(system).byName("git");
    if (record === undefined) throw new Error("no git");
    const { architecture, archive, name, path, sha256, size, version } = record;
    expect(first).toEqual({ architecture, archive, name, path, sha256, size, version });
  });

  test("the epoch is the date of the release, not that of its updates", () => {
    expect(platformOf(lockOf(indexOf(system), [])).epoch).toBe(Date.parse("2025-03-01T11:00:00Z") / 1000);
  });

  test("what is locked stays as long as it is listed", () => {
    const old = indexOf(system);
    const before = lockOf(old, ["git"]);
    const news = indexOf(system, {}, { "libc6 2.36-10": {}, "perl 5.36+deb12u1": { Depends: "libc6" } });
    expect(titles(platformOf(lockOf(news, ["git", "mount"], before)).packages)).toEqual([
      "git 2.39",
      "perl 5.36",
    ]);
    expect(titles(platformOf(lockOf(news, ["git"])).packages)).toEqual(["git 2.39", "perl 5.36+deb12u1"]);
  });

  test("what is listed no longer moves", () => {
    const before = lockOf(indexOf(system), ["perl"]);
    const { "perl 5.36": perl = {}, ...others } = system;
    const later = indexOf({ ...others, "perl 5.38": perl });
    expect(titles(platformOf(lockOf(later, ["perl"], before)).packages)).toEqual(["perl 5.38"]);
  });

  test("what is locked moves when something new needs that", () => {
    const before = lockOf(indexOf(system), ["perl"]);
    const news = indexOf(system, {}, { "libc6 2.36-10": {}, "gdb 13": { Depends: "libc6 (>= 2.36-10)" } });
    const { base, packages } = platformOf(lockOf(news, ["perl", "gdb"], before));
    expect(titles(packages)).toEqual(["gdb 13", "perl 5.36"]);
    expect(titles(basePackages({ base }))).toContain("libc6 2.36-10");
  });
});

describe("resolveLock with an image as base", () => {
  const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
  const image: BaseImage = {
    kind: "image",
    reference: "debian:12",
    digest: digest("1"),
    config: { digest: digest("2"), size: 3 },
    layers: [{ digest: digest("4"), size: 5, compression: "gzip", diffID: digest("6") }],
    created: 1_700_000_000,
  };

  test("locks the image, dated when it was made", () => {
    const file = { name: "test", base: "debian:12", platforms: ["linux/amd64"] };
    const configuration = parseConfiguration(JSON.stringify(file), "devenv.jsonc");
    const { created, ...base } = image;
    expect(platformOf(resolveLock(configuration, new Map([["linux/amd64", image]])))).toEqual({
      base,
      epoch: created,
      packages: [],
    });
  });
});
