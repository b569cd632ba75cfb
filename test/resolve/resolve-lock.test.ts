import { describe, expect, test } from "vitest";
import { type Configuration, parseConfiguration } from "../../src/config/index.ts";
import { basePackages, type Digest, type Lock, type LockedPackage } from "../../src/lock/index.ts";
import { type BaseImage, resolveLock } from "../../src/resolve/index.ts";
import { type PackageIndex, readStatus, systemOf } from "../../src/sources/debian/index.ts";
import { stanza } from "../sources/debian/archive.ts";
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

  const configure = (...packages: string[]): Configuration =>
    parseConfiguration(
      JSON.stringify({ name: "test", base: "debian:12", platforms: ["linux/amd64"], packages }),
      "devenv.jsonc",
    );
  const stanzaOf = (key: string, more: Readonly<Record<string, string>> = {}): string => {
    const [name = "", version = "1"] = key.split(" ");
    return stanza(name, version, { Status: "install ok installed", ...more });
  };
  const withSystem = (index: PackageIndex, ...installed: string[]): BaseImage => {
    const source = { architecture: "amd64", name: "status" };
    return { ...image, system: systemOf("bookworm", index, readStatus(installed.join(""), source)) };
  };
  const lock = (input: BaseImage, packages: readonly string[], previous?: Lock): Lock =>
    resolveLock(configure(...packages), new Map([["linux/amd64", input]]), previous);
  const archive: PackageList = {
    "libssl3 3.0.15": {},
    "libssl-dev 3.0.15": { "Pre-Depends": "libssl3 (= 3.0.15)" },
    "curl 8": { Depends: "libssl3" },
  };

  test("locks packages on top and what has to be newer, with the release they are of", () => {
    const index = indexOf(archive);
    const { base, epoch, packages } = platformOf(
      lock(withSystem(index, stanzaOf("libssl3 3.0.11")), ["libssl-dev", "curl"]),
    );
    expect(packages.map(({ name, stage = 0, version }) => `${name} ${version} ${stage}`)).toEqual([
      "curl 8 0",
      "libssl-dev 3.0.15 1",
      "libssl3 3.0.15 0",
    ]);
    const origin = { distribution: "debian", suite: "bookworm", releases: index.releases };
    expect(base).toEqual({ ...platformOf(lock(image, [])).base, ...origin });
    expect(epoch).toBe(image.created);
  });

  test("names the release also when all that is asked for is there", () => {
    const installed = [stanzaOf("curl 8"), stanzaOf("libssl3 3.0.11")];
    const { base, packages } = platformOf(lock(withSystem(indexOf(archive), ...installed), ["curl"]));
    expect(packages).toEqual([]);
    expect(base).toMatchObject({ suite: "bookworm" });
  });

  test("what is locked stays as long as it is listed, also what is newer than in the image", () => {
    const installed = stanzaOf("libssl3 3.0.11");
    const before = lock(withSystem(indexOf(archive), installed), ["libssl-dev"]);
    const news = indexOf(
      archive,
      {},
      {
        "libssl3 3.0.16": {},
        "libssl-dev 3.0.16": { "Pre-Depends": "libssl3 (= 3.0.16)" },
        "curl 9": { Depends: "libssl3" },
      },
    );
    const titled = (previous?: Lock) =>
      titles(platformOf(lock(withSystem(news, installed), ["libssl-dev", "curl"], previous)).packages);
    expect(titled(before)).toEqual(["curl 9", "libssl-dev 3.0.15", "libssl3 3.0.15"]);
    expect(titled()).toEqual(["curl 9", "libssl-dev 3.0.16", "libssl3 3.0.16"]);
  });

  test("what is locked and right is taken as it is", () => {
    const before = platformOf(lock(withSystem(indexOf(archive)), ["curl"]));
    expect(platformOf(lock({ ...image, locked: before }, ["curl"]))).toBe(before);
  });

  test("a release that no packages come from any more is forgotten", () => {
    const { base } = platformOf(lock(withSystem(indexOf(archive)), ["curl"]));
    const again = { ...base, created: image.created } as BaseImage;
    expect(platformOf(lock(again, [])).base).toEqual(platformOf(lock(image, [])).base);
  });
});
