import { describe, expect, test } from "vitest";
import { type BaseFacts, type Language, languageOf } from "../../src/languages/index.ts";
import { distributionVersions, isDistributionVersion } from "../../src/resolve/distribution-versions.ts";
import {
  expand,
  fittingVersions,
  lockedToolchain,
  nearVersions,
  placementOf,
  sourcesOf,
  tripleOf,
} from "../../src/resolve/toolchains.ts";
import { parseVersionRange } from "../../src/resolve/version-range.ts";
import { indexOf } from "../sources/debian/solver-index.ts";

const glibc: BaseFacts = { distribution: "debian", codename: "bookworm", version: "12", libc: "glibc" };

describe("choosing", () => {
  test("the sources are asked in one order", () => {
    expect(sourcesOf(known("go"))).toEqual(["distribution", "image", "goproxy"]);
    expect(sourcesOf(known("node"))).toEqual(["distribution", "image", "npm"]);
    expect(sourcesOf(known("bun"))).toEqual(["image", "npm"]);
  });

  test("the newest version that fits and that all platforms have", () => {
    const node = known("node");
    const range = parseVersionRange(node, "18");
    const lists = [["18.20.4", "18.17.0", "20.1.0", "18.19.0"], new Set(["18.17.0", "18.19.0"]).keys()];
    expect(fittingVersions(node, range, lists)).toEqual(["18.19.0", "18.17.0"]);
    expect(fittingVersions(node, range, [["20.1.0"], ["18.17.0"]])).toEqual([]);
    expect(fittingVersions(node, range, [])).toEqual([]);
  });

  test("one that is preferred goes first, if it fits", () => {
    const python = known("python");
    const range = parseVersionRange(python, "3.9");
    expect(fittingVersions(python, range, [["3.9.1", "3.9.2", "3.8.1"]], "3.9.1")).toEqual([
      "3.9.1",
      "3.9.2",
    ]);
    expect(fittingVersions(python, range, [["3.9.1", "3.9.2", "3.8.1"]], "3.8.1")).toEqual([
      "3.9.2",
      "3.9.1",
    ]);
  });
});

describe("what a source has near a range", () => {
  test.each([
    ["python", "3.9", ["3.9.0", "3.9.5", "3.9.25", "3.9.1", "3.9.2", "3.8.1"], "3.9.0 … 3.9.25"],
    ["python", "3.9.99", ["3.9.1", "3.9.25"], "3.9.25, 3.9.1"],
    [
      "python",
      "3.10",
      ["3.13.1", "3.12.1", "3.12.0", "3.11.1", "3.9.2", "3.8.1", "3.7.1"],
      "3.12.1, 3.11.1, 3.9.2, 3.8.1",
    ],
    ["node", "^19", ["22.1.0", "20.2.0", "20.1.0", "18.1.0"], "22.1.0, 20.2.0, 18.1.0"],
    ["java", "12", ["8u422-b05", "11.0.24+8", "17.0.9+9", "17.0.8+7"], "17.0.9+9, 11.0.24+8, 8u422-b05"],
    ["rust", "stable", ["1.75.0"], "1.75.0"],
    ["rust", "stable", [], ""],
  ])("%s %s", (name, range, versions, near) => {
    const language = known(name);
    expect(nearVersions(language, parseVersionRange(language, range), versions)).toBe(near);
  });
});

describe("words in braces", () => {
  test("are filled in", () => {
    const words = { version: "1.75.0", triple: tripleOf("arm64", glibc), architecture: "arm64" };
    const { image } = known("rust");
    if (image === undefined) throw new Error("rust has no image");
    expect(placementOf(image, words)).toEqual({
      maps: [{ from: "usr/local/rustup/toolchains/1.75.0-aarch64-unknown-linux-gnu", to: "/usr/local" }],
    });
    expect(tripleOf("amd64", { ...glibc, libc: "musl" })).toBe("x86_64-unknown-linux-musl");
    expect(() => expand("{nothing}", words)).toThrow("nothing stands for {nothing}");
  });

  test("come to stand in the locked toolchain", () => {
    const java = known("java");
    const words = { 1: "17", architecture: "arm64" };
    const surroundings = java.distribution?.["debian"] ?? {};
    const content = {
      version: "17.0.9+9",
      source: "distribution",
      parts: [],
      packages: ["b", "a", "b"],
    } as const;
    expect(lockedToolchain(java, surroundings, words, content)).toEqual({
      language: "java",
      version: "17.0.9+9",
      source: "distribution",
      parts: [],
      packages: ["a", "b"],
      path: ["/usr/lib/jvm/java-17-openjdk-arm64/bin"],
      variables: { JAVA_HOME: "/usr/lib/jvm/java-17-openjdk-arm64" },
      check: ["java", "-version"],
    });
    expect(lockedToolchain(java, {}, words, { ...content, source: "image" }).optional).toEqual(java.optional);
  });
});

describe("variables", () => {
  test.each([
    ["12.22.12", "/usr/local"],
    ["20.9.0", "/usr/local"],
    ["20.17.0", undefined],
    ["26.1.0", undefined],
  ])("that releases before another have, in %s", (version, nodedir) => {
    const node = known("node");
    const content = { version, source: "npm", parts: [], packages: [] } as const;
    const { variables } = lockedToolchain(node, node.npm ?? {}, {}, content);
    expect(variables["npm_config_nodedir"]).toBe(nodedir);
    expect(variables["npm_package_config_node_gyp_nodedir"]).toBe("/usr/local");
    expect(variables["npm_config_prefix"]).toBe("/home/dev/.local");
    expect(lockedToolchain(node, {}, {}, content).variables).toEqual({
      npm_config_prefix: "/home/dev/.local",
    });
  });
});

describe("what a distribution has", () => {
  test.each([
    ["python", "python3.11", "3.11.2-6+deb12u9", "3.11.2", "3.11"],
    ["node", "nodejs", "12.22.12~dfsg-1~deb11u4", "12.22.12", ""],
    ["node", "nodejs", "20.19.2+dfsg-1+deb13u3", "20.19.2", ""],
    ["go", "golang-1.19-go", "1.19.8-2", "1.19.8", "1.19"],
    ["rust", "rustc", "1.63.0+dfsg1-2", "1.63.0", ""],
    ["java", "openjdk-17-jdk-headless", "17.0.21.1+2-1~deb12u1", "17.0.21.1+2", "17"],
    ["ruby", "ruby3.1", "3.1.7+really3.1.2-0+deb12u1", "3.1.2", "3.1"],
    ["php", "php8.2-cli", "2:8.2.36-1~deb12u1", "8.2.36", "8.2"],
  ])("%s from %s %s", (language, name, packageVersion, version, group) => {
    const index = indexOf({ [`${name} ${packageVersion}`]: {} });
    expect(distributionVersions(debianOf(language), index)).toEqual([{ version, name: group }]);
  });

  test("only packages of exactly these names, in their newest versions", () => {
    const index = indexOf({
      "python3.11-minimal 3.11.2-6": {},
      "python3.11 3.11.2-6": {},
      "python3.11 3.11.10-1": {},
      "python3.12 3.12.1-1": {},
      "libpython3.11 3.11.2-6": {},
    });
    expect(distributionVersions(debianOf("python"), index)).toEqual([
      { version: "3.11.10", name: "3.11" },
      { version: "3.12.1", name: "3.12" },
    ]);
  });

  test("an early-access build is none", () => {
    const index = indexOf({ "openjdk-25-jdk-headless 25~36ea-1": {} });
    expect(distributionVersions(debianOf("java"), index)).toEqual([]);
  });

  test("what is locked stays as long as the index lists that very package", () => {
    const index = indexOf({ "nodejs 18.20.4-1": {}, git: {} });
    const packages = ["nodejs", "git"].flatMap((name) => index.byName(name));
    const source = debianOf("node");
    expect(isDistributionVersion(source, index, packages, "18.20.4")).toBe(true);
    expect(isDistributionVersion(source, index, packages, "18.20.3")).toBe(false);
    expect(isDistributionVersion(source, indexOf({ git: {} }), packages, "18.20.4")).toBe(false);
    const other = packages.map((one) => ({ ...one, sha256: "0".repeat(64) }));
    expect(isDistributionVersion(source, index, other, "18.20.4")).toBe(false);
    expect(isDistributionVersion(source, index, [], "18.20.4")).toBe(false);
  });
});

function debianOf(name: string) {
  const source = known(name).distribution?.["debian"];
  if (source === undefined) throw new Error(`${name} is not in Debian`);
  return source;
}

function known(name: string): Language {
  const language = languageOf(name);
  if (language === undefined) throw new Error(`no language ${name}`);
  return language;
}
