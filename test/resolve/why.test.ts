import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/config/index.ts";
import type { LockedToolchain } from "../../src/lock/index.ts";
import { explainWhy, type Reason, resolveLock } from "../../src/resolve/index.ts";
import { type PackageIndex, readStatus, systemOf } from "../../src/sources/debian/index.ts";
import { stanza } from "../sources/debian/archive.ts";
import { indexOf, type PackageList } from "../sources/debian/solver-index.ts";

const system: PackageList = {
  "dash 0.5": { Essential: "yes", "Pre-Depends": "libc6" },
  "libc6 2.36": {},
  "apt 2.6": {},
  "git 2.39": { Depends: "libc6 (>= 2), perl" },
  "perl 5.36": { Depends: "libc6", Provides: "perl-core (= 5)" },
  "meson 1": { Depends: "git | perl-core" },
};

function why(
  name: string,
  packages: string[],
  index: PackageIndex = indexOf(system),
  toolchains: readonly LockedToolchain[] = [],
): readonly Reason[] | string {
  const file = { name: "test", base: "bootstrap:debian/bookworm", platforms: ["linux/amd64"], packages };
  const configuration = parseConfiguration(JSON.stringify(file), "devenv.jsonc");
  const lock = resolveLock(
    configuration,
    new Map([["linux/amd64", indexOf(system)]]),
    undefined,
    new Map([["linux/amd64", toolchains]]),
  );
  try {
    return explainWhy(new Map([["linux/amd64", index]]), lock, name, packages).get("linux/amd64") ?? [];
  } catch (error) {
    return (error as Error).message;
  }
}

describe("explainWhy", () => {
  test("the configuration asked for it", () => {
    expect(why("git", ["git"])).toEqual([
      {
        name: "git",
        version: "2.39",
        layer: "packages",
        chains: [[{ name: "git", version: "2.39", because: "devenv.jsonc" }]],
      },
    ]);
  });

  test("the shortest chain from everything that was asked for, the configuration before the base", () => {
    const [reason] = why("libc6", ["meson"]);
    expect(reason).toMatchObject({ layer: "base" });
    expect(
      (reason as Reason).chains.map((chain) => chain.map(({ name, because }) => `${name}: ${because}`)),
    ).toEqual([
      ["meson: devenv.jsonc", "git: Depends: git | perl-core", "libc6: Depends: libc6 (>= 2)"],
      ["dash: Essential: yes", "libc6: Pre-Depends: libc6"],
    ]);
  });

  test("a toolchain needs it, for itself or for its libraries", () => {
    const ruby: LockedToolchain = {
      language: "ruby",
      version: "3.2.1",
      source: "image",
      parts: [],
      packages: ["git"],
      libraries: ["perl"],
      path: [],
      variables: {},
      check: ["ruby", "-v"],
    };
    const [reason] = why("perl", [], indexOf(system), [ruby]);
    expect((reason as Reason).chains.map(([first]) => first)).toEqual([
      { name: "perl", version: "5.36", because: "ruby 3.2.1" },
      { name: "git", version: "2.39", because: "ruby 3.2.1" },
    ]);
  });

  test("a provided name leads to its provider", () => {
    expect(why("perl-core", ["perl"])).toMatchObject([{ name: "perl" }]);
  });

  test("a version that is listed no longer is told as it is locked", () => {
    const { "perl 5.36": perl = {}, ...others } = system;
    const later = indexOf({ ...others, "perl 5.38": perl });
    expect(why("perl", ["git"], later)).toMatchObject([
      { version: "5.36", chains: [[{ name: "git" }, { version: "5.36", because: "Depends: perl" }]] },
    ]);
  });

  test("what is not locked is an error that knows what may be meant", () => {
    expect(why("pearl", ["git"])).toBe('devenv.lock has no package "pearl"; did you mean "perl"?');
  });

  test("an image is reason enough for what it has, the configuration for what is on top or newer", () => {
    const packages = ["git"];
    const file = { name: "test", base: "debian:12", platforms: ["linux/amd64"], packages };
    const fields = { Status: "install ok installed" };
    const status = [
      stanza("libc6", "2.35", fields),
      stanza("perl", "5.36", { ...fields, Depends: "libc6" }),
      stanza("mine", "1", { ...fields, Depends: "perl" }),
    ].join("");
    const source = { architecture: "amd64", name: "status" };
    const index = indexOf({ ...system, "git 2.39": { Depends: "libc6 (>= 2.36), perl" } });
    const image = {
      kind: "image",
      reference: "debian:12",
      digest: `sha256:${"1".repeat(64)}`,
      config: { digest: `sha256:${"2".repeat(64)}`, size: 1 },
      layers: [],
      created: 0,
      system: systemOf("bookworm", index, readStatus(status, source)),
    } as const;
    const lock = resolveLock(
      parseConfiguration(JSON.stringify(file), "devenv.jsonc"),
      new Map([["linux/amd64", image]]),
    );
    const chainsOf = (name: string) => {
      const [reason] =
        explainWhy(new Map([["linux/amd64", image.system]]), lock, name, packages).get("linux/amd64") ?? [];
      const chains = reason?.chains.map((chain) =>
        chain.map((step) => `${step.name} ${step.version}: ${step.because}`),
      );
      return { layer: reason?.layer, chains };
    };
    const git = "git 2.39: devenv.jsonc";
    expect(chainsOf("mine")).toEqual({ layer: "base", chains: [["mine 1: the image debian:12"]] });
    expect(chainsOf("perl")).toEqual({
      layer: "base",
      chains: [[git, "perl 5.36: Depends: perl"], ["perl 5.36: the image debian:12"]],
    });
    expect(chainsOf("libc6")).toEqual({
      layer: "packages",
      chains: [[git, "libc6 2.36: Depends: libc6 (>= 2.36)"], ["libc6 2.36: the image debian:12"]],
    });
  });
});
