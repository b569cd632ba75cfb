import { describe, expect, test } from "vitest";
import { diffLocks, formatLock, type Lock, type LockedToolchain, parseLock } from "../../src/lock/index.ts";
import { samplePlatform } from "./fixture.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}` as const;

const python: LockedToolchain = {
  language: "python",
  version: "3.9.19",
  source: "image",
  parts: [
    {
      kind: "image",
      reference: "docker.io/library/python:3.9.19-slim-bookworm",
      index: digest("1"),
      digest: digest("2"),
      layers: [{ digest: digest("3"), size: 100, compression: "gzip", diffID: digest("4") }],
      maps: [{ from: "usr/local", to: "/usr/local" }],
    },
  ],
  packages: ["ca-certificates"],
  libraries: ["libffi8"],
  optional: ["**/_tkinter*.so"],
  path: [],
  variables: {},
  check: ["python3", "--version"],
};

const node: LockedToolchain = {
  language: "node",
  version: "18.20.4",
  source: "npm",
  parts: [
    {
      kind: "npm",
      package: "@scope/node-linux-x64",
      version: "18.20.4",
      integrity: `sha512-${"A".repeat(86)}==`,
      path: "@scope/node-linux-x64/-/node-linux-x64-18.20.4.tgz",
      maps: [{ from: "package/bin", to: "/usr/local/bin" }],
      links: { "/usr/local/bin/npm": "../lib/node_modules/npm/bin/npm-cli.js" },
      executables: ["/usr/local/lib/**/*.js"],
    },
  ],
  packages: [],
  path: ["/home/dev/.local/bin"],
  variables: { npm_config_prefix: "/home/dev/.local" },
  check: ["node", "--version"],
};

const go: LockedToolchain = {
  language: "go",
  version: "1.22.5",
  source: "goproxy",
  parts: [
    {
      kind: "goproxy",
      module: "golang.org/toolchain",
      version: "v0.0.1-go1.22.5.linux-amd64",
      sum: `h1:${"B".repeat(43)}=`,
      path: "golang.org/toolchain/@v/v0.0.1-go1.22.5.linux-amd64.zip",
      maps: [{ from: "golang.org/toolchain@v0.0.1-go1.22.5.linux-amd64", to: "/usr/local/go" }],
    },
  ],
  packages: [],
  path: ["/usr/local/go/bin"],
  variables: { GOTOOLCHAIN: "local" },
  check: ["go", "version"],
};

function lockWith(toolchains: readonly unknown[]): Lock {
  return {
    lockVersion: 1,
    request: { base: "bootstrap:debian/bookworm", packages: [], platforms: ["linux/amd64"] },
    platforms: { "linux/amd64": { ...samplePlatform("amd64"), toolchains: toolchains as LockedToolchain[] } },
  };
}

const parse = (...toolchains: readonly unknown[]): Lock =>
  parseLock(formatLock(lockWith(toolchains)), "devenv.lock");

describe("toolchains of a lock", () => {
  test("are read as they were written, whatever their source", () => {
    expect(parse(go, node, python)).toEqual(lockWith([go, node, python]));
    const distribution = { ...python, source: "distribution", parts: [], packages: ["python3"] };
    expect(parse(distribution)).toEqual(lockWith([distribution]));
  });

  const [image] = python.parts;
  const [tarball] = node.parts;
  const [module] = go.parts;

  test.each<[string, object]>([
    ["a language that is none", { ...python, language: "cobol" }],
    ["a version with shell code", { ...python, version: "3.9;reboot" }],
    ["another source", { ...python, source: "nix" }],
    ["no check", { ...python, check: [] }],
    ["a check with a control character", { ...python, check: ["python3\n"] }],
    ["a package with a blank", { ...python, packages: ["a b"] }],
    ["a PATH of its own", { ...python, variables: { PATH: "/tmp" } }],
    ["a variable of the linker", { ...python, variables: { LD_PRELOAD: "/x.so" } }],
    ["a variable with a line break", { ...python, variables: { A: "1\n2" } }],
    ["a relative directory", { ...python, path: ["bin"] }],
    ["a directory out of the root", { ...python, path: ["/usr/../../etc"] }],
    [
      "a part that goes to /proc",
      { ...python, parts: [{ ...image, maps: [{ from: "", to: "/proc/self" }] }] },
    ],
    ["a part that goes nowhere", { ...python, parts: [{ ...image, maps: [] }] }],
    ["a part from above", { ...python, parts: [{ ...image, maps: [{ from: "../etc", to: "/etc" }] }] }],
    [
      "an absolute path of an archive",
      { ...python, parts: [{ ...image, maps: [{ from: "/etc", to: "/etc" }] }] },
    ],
    ["an image without layers", { ...python, parts: [{ ...image, layers: [] }] }],
    ["an image by its tag", { ...python, parts: [{ ...image, digest: "latest" }] }],
    ["a package with a weak integrity", { ...node, parts: [{ ...tarball, integrity: "sha1-AAAA" }] }],
    ["a package from a URL", { ...node, parts: [{ ...tarball, path: "https://example.org/a.tgz" }] }],
    ["a link from nowhere", { ...node, parts: [{ ...tarball, links: { "usr/bin/npm": "x" } }] }],
    ["a module without a sum", { ...go, parts: [{ ...module, sum: "h1:" }] }],
    ["a field of another kind", { ...go, parts: [{ ...module, integrity: "sha512-" }] }],
    ["an unknown kind", { ...go, parts: [{ ...module, kind: "git" }] }],
  ])("%s is refused", (_, toolchain) => {
    expect(() => parse(toolchain)).toThrow(expect.objectContaining({ code: "DEVENV_LOCK_INVALID" }));
  });

  test("each language stands once, and an empty list is left out", () => {
    expect(() => parse(python, python)).toThrow("each language once in a platform");
    expect(() => parse()).toThrow("at least one item");
  });
});

describe("changes of toolchains", () => {
  const changes = (before: readonly object[], after: readonly object[]) =>
    diffLocks(lockWith(before), lockWith(after));

  test("are told by language, version and source", () => {
    expect(changes([python], [node])).toEqual(["added node 18.20.4 (npm)", "removed python 3.9.19 (image)"]);
    expect(changes([python], [{ ...python, version: "3.9.20" }])).toEqual([
      "changed python 3.9.19 (image) → 3.9.20 (image)",
    ]);
    expect(changes([node], [{ ...node, source: "image" }])).toEqual([
      "changed node 18.20.4 (npm) → 18.20.4 (image)",
    ]);
    expect(changes([go], [{ ...go, path: [] }])).toEqual([
      "changed go 1.22.5 (goproxy): another content with the same version",
    ]);
  });

  test("libraries that were found are named", () => {
    const { libraries: _, ...unknown } = python;
    expect(changes([unknown], [python])).toEqual(["python 3.9.19 needs libffi8"]);
    expect(changes([unknown], [{ ...python, libraries: [] }])).toEqual([]);
    expect(changes([python], [{ ...python, libraries: [] }])).toEqual([
      "python 3.9.19 needs no further libraries",
    ]);
    expect(changes([python], [unknown])).toEqual([]);
  });

  test("a platform that is added lists its toolchains", () => {
    expect(diffLocks(undefined, lockWith([go, node]))).toEqual([
      "platform linux/amd64 added: debian/bookworm with 1 packages, 2 on top, go 1.22.5 (goproxy), node 18.20.4 (npm)",
    ]);
  });
});
