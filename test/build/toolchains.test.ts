import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { planGrafts } from "../../src/build/graft-plan.ts";
import { planToolchains } from "../../src/build/plan.ts";
import { toolchainsScript } from "../../src/build/scripts.ts";
import { imageVariables } from "../../src/build/variables.ts";
import type { LockedPart, LockedPlatform, LockedToolchain } from "../../src/lock/index.ts";

const layer = (letter: string) => ({
  digest: `sha256:${letter.repeat(64)}` as const,
  diffID: `sha256:${letter.toUpperCase().charCodeAt(0).toString(16).repeat(32)}` as const,
  size: 100,
  compression: "gzip" as const,
});

const imagePart: LockedPart = {
  kind: "image",
  reference: "docker.io/library/python:3.9.19-slim-bookworm",
  digest: `sha256:${"d".repeat(64)}`,
  layers: [layer("a"), layer("b")],
  maps: [{ from: "usr/local", to: "/usr/local" }],
};

const python: LockedToolchain = {
  language: "python",
  version: "3.9.19",
  source: "image",
  parts: [imagePart],
  packages: ["ca-certificates"],
  path: [],
  variables: {},
  check: ["python3", "--version"],
};

const go: LockedToolchain = {
  ...python,
  language: "go",
  version: "1.22.5",
  path: ["/usr/local/go/bin", "/home/dev/go/bin"],
  variables: { GOTOOLCHAIN: "local" },
  check: ["go", "version"],
};

const distributed: LockedToolchain = { ...python, source: "distribution", parts: [] };

const platformWith = (toolchains: readonly LockedToolchain[]): LockedPlatform => ({
  base: { kind: "bootstrap", distribution: "debian", suite: "bookworm", releases: [], packages: [] },
  epoch: 1_700_000_000,
  packages: [],
  toolchains,
});

const keyOf = (part: LockedPart): string | undefined =>
  planGrafts(platformWith([{ ...python, parts: [part] }]))[0]?.cacheKey;

describe("grafts", () => {
  test("there is one for each toolchain that comes from an archive", () => {
    expect(
      planGrafts(platformWith([go, python, { ...distributed, language: "ruby" }])).map((one) => one.name),
    ).toEqual(["go", "python"]);
  });

  test("their key is the same whatever the base, the packages and the place they come from", () => {
    expect(keyOf({ ...imagePart, reference: "registry.example/python:3.9" })).toBe(keyOf(imagePart));
    expect(planGrafts({ ...platformWith([python]), epoch: 1, packages: [] })[0]?.cacheKey).toBe(
      keyOf(imagePart),
    );
  });

  test.each<[string, Partial<LockedPart>]>([
    ["a layer", { layers: [layer("a"), layer("c")] }],
    ["the order of layers", { layers: [layer("b"), layer("a")] }],
    ["what is taken", { maps: [{ from: "usr/local/lib", to: "/usr/local/lib" }] }],
    ["where it goes", { maps: [{ from: "usr/local", to: "/opt/python" }] }],
    ["a link", { links: { "/usr/local/bin/python": "python3" } }],
    ["what is executable", { executables: ["/usr/local/bin/*"] }],
  ])("another key for another content: %s", (_, change) => {
    expect(keyOf({ ...imagePart, ...change } as LockedPart)).not.toBe(keyOf(imagePart));
  });
});

describe("the step that makes toolchains at home", () => {
  const below = [{ cacheKey: `sha256:${"1".repeat(64)}` as const }];
  const keyAbove = (toolchains: LockedToolchain[], parents = below, epoch = 5) =>
    planToolchains("linux/amd64", { ...platformWith(toolchains), epoch }, parents, {})?.cacheKey;

  test("is there only where something was grafted", () => {
    expect(keyAbove([])).toBeUndefined();
    expect(keyAbove([distributed])).toBeUndefined();
    expect(keyAbove([go])).toBeDefined();
  });

  test("depends on everything below it", () => {
    expect(keyAbove([go], [{ cacheKey: `sha256:${"2".repeat(64)}` as const }])).not.toBe(keyAbove([go]));
    expect(keyAbove([go, python])).not.toBe(keyAbove([go]));
  });

  const ask = (check: readonly string[], variables: Readonly<Record<string, string>> = {}) => {
    const script = toolchainsScript([{ ...python, check }], { PATH: "/usr/bin:/bin", ...variables });
    // This host's own cache of libraries is none of the test's business.
    const { status, stdout } = spawnSync("/bin/sh", ["-c", script.replace(/^if \[ -e .*$/m, "")]);
    return { status, said: stdout.toString().trim() };
  };

  test("asks for the version, on either output", () => {
    expect(ask(["echo", "Python 3.9.19"])).toEqual({ status: 0, said: "" });
    expect(ask(["sh", "-c", "echo Python 3.9.19 >&2"])).toEqual({ status: 0, said: "" });
    expect(ask(["echo", "Python 3.9.18"])).toEqual({
      status: 1,
      said: "python says Python 3.9.18 where 3.9.19 was expected",
    });
    expect(ask(["sh", "-c", "echo lost; exit 4"])).toEqual({
      status: 1,
      said: "python 3.9.19 does not run: lost",
    });
  });

  test("with the variables that the image will have, and no word is shell code", () => {
    const version = "it's; $(3.9.19) `x`";
    expect(ask(["sh", "-c", 'test "$A" = "$1" && echo 3.9.19', "sh", version], { A: version })).toEqual({
      status: 0,
      said: "",
    });
  });
});

describe("the variables of an image", () => {
  test("are its own alone when nothing brings others", () => {
    expect(imageVariables({}, [])).toEqual({
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
    });
  });

  test("the base's stay, toolchains come first in PATH, each directory once", () => {
    const { PATH, ...others } = imageVariables({ PATH: "/opt/bin:/bin", LANG: "de", A: "1" }, [
      go,
      { ...python, path: ["/home/dev/go/bin", "/opt/py"] },
    ]);
    expect(PATH).toBe("/usr/local/go/bin:/home/dev/go/bin:/opt/py:/opt/bin:/bin");
    expect(others).toEqual({ LANG: "de", A: "1", GOTOOLCHAIN: "local" });
  });
});
