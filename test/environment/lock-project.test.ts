import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/config/index.ts";
import { withCommands } from "../../src/environment/lock-commands.ts";
import { keepImages, staleness, without } from "../../src/environment/lock-project.ts";
import { basePackages, type Lock, type LockedLayer, requestOf } from "../../src/lock/index.ts";
import { sampleCommand, sampleLock } from "../lock/fixture.ts";

function configurationOf(changes: object = {}) {
  const file = {
    name: "test",
    base: "bootstrap:debian/bookworm",
    platforms: ["linux/amd64", "linux/arm64"],
    packages: ["git", "tzdata"],
    ...changes,
  };
  return parseConfiguration(JSON.stringify(file), "devenv.jsonc");
}

function fittingLock(): Lock {
  return { ...sampleLock(), request: requestOf(configurationOf()) };
}

describe("staleness", () => {
  test("a lock that fits", () => {
    expect(staleness(fittingLock(), configurationOf())).toEqual([]);
    expect(
      staleness(fittingLock(), configurationOf({ packages: ["tzdata", "git"], env: { A: "b" } })),
    ).toEqual([]);
  });

  test.each([
    [
      { packages: ["git", "tzdata", "curl", "jq"] },
      ["package curl is not locked", "package jq is not locked"],
    ],
    [
      { base: "bootstrap:debian/trixie" },
      ["the base is bootstrap:debian/trixie, locked is bootstrap:debian/bookworm"],
    ],
    [{ asOf: "2024-03-17" }, ["asked for is what there was as of 2024-03-17, locked as of today"]],
    [{ platforms: ["linux/amd64"] }, ["platform linux/arm64 is locked and no longer asked for"]],
  ])("%j", (changes, reasons) => {
    expect(staleness(fittingLock(), configurationOf(changes))).toEqual(reasons);
  });

  test("a package that was asked for and is not any more", () => {
    expect(staleness(fittingLock(), configurationOf({ packages: ["git"] }))).toEqual([
      "package tzdata is locked and no longer asked for",
    ]);
  });

  test("another day", () => {
    const asOf = "2024-03-17";
    const lock = { ...fittingLock(), request: requestOf(configurationOf({ asOf })) };
    expect(staleness(lock, configurationOf({ asOf }))).toEqual([]);
    expect(staleness(lock, configurationOf())).toEqual([
      "asked for is what there was as of today, locked as of 2024-03-17",
    ]);
  });

  test("languages, and what is asked of them", () => {
    const languages = { node: "20", go: { version: "1.22", source: "goproxy" } };
    const lock = { ...fittingLock(), request: requestOf(configurationOf({ languages })) };
    expect(staleness(lock, configurationOf({ languages }))).toEqual([]);
    expect(staleness(lock, configurationOf({ languages: { node: "22", python: "3.11" } }))).toEqual([
      "language python is not locked",
      "language go is locked and no longer asked for",
      "language node: 22 is asked for, locked for 20",
    ]);
    expect(staleness(lock, configurationOf({ languages: { ...languages, go: "1.22" } }))).toEqual([
      "language go: 1.22 is asked for, locked for 1.22 from goproxy",
    ]);
  });

  test("a platform that is new", () => {
    const { "linux/amd64": amd64 } = sampleLock().platforms;
    if (amd64 === undefined) throw new Error("no amd64");
    expect(staleness({ ...sampleLock(), platforms: { "linux/amd64": amd64 } }, configurationOf())).toEqual([
      "platform linux/arm64 is not locked",
    ]);
  });
});

describe("without", () => {
  test("the named packages go, on all platforms, the others stay", () => {
    const { platforms } = without(sampleLock(), ["libc6", "git"], "devenv.lock");
    for (const { base, packages } of Object.values(platforms)) {
      expect(basePackages({ base })).toEqual([]);
      expect(packages.map(({ name }) => name)).toEqual(["tzdata"]);
    }
  });

  test("a name that is not there", () => {
    expect(() => without(sampleLock(), ["git", "gti"], "devenv.lock")).toThrow(
      'devenv.lock: holds no package or language "gti"; did you mean "git"?',
    );
  });
});

describe("keepImages", () => {
  test("the image stays when nothing that decides it has changed", () => {
    const after = sampleLock();
    for (const platform of Object.values(after.platforms)) delete (platform as { image?: unknown }).image;
    expect(keepImages(sampleLock(), after)).toEqual(sampleLock());
  });

  test("another package is another image, on its platform", () => {
    const { "linux/amd64": amd64, ...others } = sampleLock().platforms;
    if (amd64 === undefined) throw new Error("no amd64");
    const { image: _, ...changed } = { ...amd64, packages: amd64.packages.slice(1) };
    const kept = keepImages(sampleLock(), {
      ...sampleLock(),
      platforms: { ...others, "linux/amd64": changed },
    });
    expect(kept.platforms["linux/amd64"]).not.toHaveProperty("image");
    expect(kept.platforms["linux/arm64"]).toHaveProperty("image");
  });

  describe("where only commands differ", () => {
    const second = { ...sampleCommand, name: "second", run: "make" };
    const layerOf = (name: string): LockedLayer => ({
      step: "layer",
      name,
      cacheKey: `sha256:${"1".repeat(64)}`,
      diffID: `sha256:${name.length.toString().repeat(64)}`,
    });
    const before = withCommands(sampleLock(), [sampleCommand, second]);
    for (const locked of Object.values(before.platforms)) {
      const layers = [...(locked.image?.layers ?? []), layerOf(sampleCommand.name), layerOf("second")];
      Object.assign(locked, { image: { ...locked.image, layers } });
    }
    const stepsOf = (lock: Lock): unknown =>
      Object.values(lock.platforms).map(({ built, image }) => [
        image === undefined ? "no image" : "image",
        ...(built ?? []).map(({ name, step }) => name ?? step),
      ]);

    test("what is below the first of them stays recorded, the image does not", () => {
      const changed = withCommands(before, [sampleCommand, { ...second, run: "make install" }]);
      const kept = ["no image", "base", "packages", "python packages"];
      expect(stepsOf(keepImages(before, changed))).toEqual([kept, kept]);
      const again = withCommands(keepImages(before, changed), [{ ...sampleCommand, env: {} }]);
      expect(stepsOf(keepImages(keepImages(before, changed), again))).toEqual([
        ["no image", "base", "packages"],
        ["no image", "base", "packages"],
      ]);
    });

    test("another name is another image with the same layers", () => {
      const renamed = withCommands(before, [{ ...sampleCommand, name: "new" }, second]);
      const kept = ["no image", "base", "packages", "new", "second"];
      expect(stepsOf(keepImages(before, renamed))).toEqual([kept, kept]);
    });

    test("what is kept of an image stays with a lock that does not change", () => {
      const changed = keepImages(before, withCommands(before, [sampleCommand]));
      expect(keepImages(changed, changed)).toEqual(changed);
    });
  });
});
