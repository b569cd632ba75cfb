import { createHash, randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { LockedNpmPart } from "../../../src/lock/index.ts";
import { findNpmVersions, openNpmTarball } from "../../../src/sources/npm/index.ts";
import { answer, type FakeRegistry, fakeRegistries, quick } from "../registry/fake-registry.ts";

const start = fakeRegistries();
const integrityOf = (bytes: Uint8Array) => `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
const content = randomBytes(200_000);

const optionsFor = (server: FakeRegistry, path = "") => ({
  environment: { HOME: "/nonexistent", npm_config_registry: `${server.url}${path}` },
  patience: quick,
});

const versionOf = (version: string, more: Readonly<Record<string, unknown>> = {}, entry = {}) => ({
  [version]: {
    version,
    dist: {
      integrity: integrityOf(content),
      tarball: `https://elsewhere.example/tool/-/tool-${version}.tgz`,
      ...more,
    },
    ...entry,
  },
});

const documentOf = (versions: unknown, name = "tool") => JSON.stringify({ name, versions });

const partFor = (more: Partial<LockedNpmPart> = {}): LockedNpmPart => ({
  kind: "npm",
  package: "tool",
  version: "1.0.0",
  integrity: integrityOf(content),
  path: "tool/-/tool-1.0.0.tgz",
  maps: [{ from: "package", to: "/usr/local" }],
  ...more,
});

describe("a package's versions", () => {
  test("come with digest, path and what they need", async () => {
    const server = await start((_, response) =>
      answer(response, 200, {}, documentOf(versionOf("1.0.0", {}, { engines: { node: ">=18", vscode: 1 } }))),
    );
    const found = await findNpmVersions("tool", optionsFor(server));
    expect([...(found?.values() ?? [])]).toEqual([
      {
        version: "1.0.0",
        integrity: integrityOf(content),
        path: "tool/-/tool-1.0.0.tgz",
        engines: { node: ">=18" },
      },
    ]);
    expect(server.seen[0]).toMatchObject({
      path: "/tool",
      accept: "application/vnd.npm.install-v1+json",
      authorization: undefined,
    });
  });

  test("of a scope, below the registry's own path, with the login", async () => {
    const server = await start((_, response) => {
      const tarball = `${server.url}/npm/@acme/tool/-/tool-1.0.0.tgz`;
      answer(response, 200, {}, documentOf(versionOf("1.0.0", { tarball }), "@acme/tool"));
    });
    const options = optionsFor(server, "/npm");
    const environment = { ...options.environment, npm_config_registry: `http://u:p@${server.name}/npm/` };
    const found = await findNpmVersions("@acme/tool", { ...options, environment });
    expect(found?.get("1.0.0")?.path).toBe("@acme/tool/-/tool-1.0.0.tgz");
    expect(server.seen[0]).toMatchObject({ path: "/npm/@acme%2ftool", authorization: "Basic dTpw" });
  });

  test("without a SHA-512 are left out", async () => {
    const versions = {
      ...versionOf("1.0.0", { integrity: undefined, shasum: "0".repeat(40) }),
      ...versionOf("1.1.0", { integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }),
      ...versionOf("1.2.0", { integrity: `sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= ${integrityOf(content)}` }),
    };
    const server = await start((_, response) => answer(response, 200, {}, documentOf(versions)));
    const found = await findNpmVersions("tool", optionsFor(server));
    expect([...(found?.entries() ?? [])].map(([name, { integrity }]) => [name, integrity])).toEqual([
      ["1.2.0", integrityOf(content)],
    ]);
  });

  test("of a package that there is not", async () => {
    const server = await start((_, response) => answer(response, 404));
    expect(await findNpmVersions("tool", optionsFor(server))).toBeUndefined();
  });

  test.each([
    ["no JSON", "<html>"],
    ["a list", "[]"],
    ["no versions", JSON.stringify({ name: "tool" })],
    ["another package", documentOf({}, "other")],
    ["a version that is none", documentOf({ "1.0.0": null })],
    ["a version without dist", documentOf({ "1.0.0": { version: "1.0.0" } })],
    ["a version under another name", documentOf(versionOf("1.0.0", {}, { version: "2.0.0" }))],
    ["a tarball that is no URL", documentOf(versionOf("1.0.0", { tarball: "tool.tgz" }))],
    [
      "a tarball of another kind",
      documentOf(versionOf("1.0.0", { tarball: "file:///tool/-/tool-1.0.0.tgz" })),
    ],
    [
      "a tarball without a directory",
      documentOf(versionOf("1.0.0", { tarball: "https://x.example/tool.tgz" })),
    ],
    [
      "a tarball that leads out",
      documentOf(versionOf("1.0.0", { tarball: "https://x.example/a/%2e%2e%2f/tool.tgz" })),
    ],
    [
      "a tarball with a newline",
      documentOf(versionOf("1.0.0", { tarball: "https://x.example/a/%0a/tool.tgz" })),
    ],
    [
      "something else than a tarball",
      documentOf(versionOf("1.0.0", { tarball: "https://x.example/a/tool.zip" })),
    ],
  ])("that make no sense: %s", async (_, body) => {
    const server = await start((_request, response) => answer(response, 200, {}, body));
    await expect(findNpmVersions("tool", optionsFor(server))).rejects.toMatchObject({
      code: "DEVENV_NPM_METADATA",
    });
  });

  test("that have no end", async () => {
    const server = await start((_, response) => answer(response, 200, {}, "x".repeat(2_000)));
    await expect(
      findNpmVersions("tool", { ...optionsFor(server), largestDocument: 1_000 }),
    ).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
      message: expect.stringContaining("more than 1000 bytes"),
    });
  });

  test("are asked for again when the registry is busy or breaks off, and then told of", async () => {
    const server = await start((_, response, count) => {
      if (count === 0) answer(response, 503, { "retry-after": "0" });
      else if (count === 1)
        response.writeHead(200, { "content-length": 1_000 }).write("{", () => response.destroy());
      else answer(response, 200, {}, documentOf(versionOf("1.0.0")));
    });
    expect((await findNpmVersions("tool", optionsFor(server)))?.size).toBe(1);
    const never = await start((_, response) => answer(response, 503, { "retry-after": "0" }));
    await expect(findNpmVersions("tool", optionsFor(never))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
      message: `GET ${never.url}/tool: HTTP status 503`,
    });
    expect(never.seen).toHaveLength(quick.tries);
  });

  test("that need a login", async () => {
    const server = await start((_, response) => answer(response, 401));
    await expect(findNpmVersions("tool", optionsFor(server))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
      hint: "Is the login in ~/.npmrc right?",
    });
  });

  test("from a registry that is not there", async () => {
    const options = { environment: { npm_config_registry: "http://127.0.0.1:1/" }, patience: quick };
    await expect(findNpmVersions("tool", options)).rejects.toMatchObject({ code: "DEVENV_NPM_UNAVAILABLE" });
  });
});

describe("a tarball", () => {
  test("comes as it is", async () => {
    const server = await start((_, response) => answer(response, 200, {}, content));
    const bytes = await buffer(openNpmTarball(partFor(), optionsFor(server, "/npm")));
    expect(bytes.equals(content)).toBe(true);
    expect(server.seen.map(({ path }) => path)).toEqual(["/npm/tool/-/tool-1.0.0.tgz"]);
  });

  test.each([true, false])("goes on after a break (the server knows ranges: %s)", async (ranges) => {
    const server = await start((request, response, count) => {
      const from = ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
      const rest = content.subarray(from);
      response.writeHead(from > 0 ? 206 : 200, {
        "content-length": rest.length,
        ...(from > 0 ? { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
      });
      if (count > 2) response.end(rest);
      else
        response.write(rest.subarray(0, 40_000 * (count + 1)), () =>
          setTimeout(() => response.destroy(), 20),
        );
    });
    const bytes = await buffer(openNpmTarball(partFor(), optionsFor(server)));
    expect(bytes.equals(content)).toBe(true);
    expect(server.seen.length).toBeGreaterThan(1);
    expect(server.seen.at(-1)?.range).toMatch(/^bytes=[1-9]\d+-$/);
  });

  test("is never brought beyond the limit", async () => {
    const server = await start((_request, response) => answer(response, 200, {}, Buffer.alloc(300_001)));
    const options = { ...optionsFor(server), largestTarball: 300_000 };
    await expect(buffer(openNpmTarball(partFor(), options))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
    });
  });

  test("that is not there, or ends too soon each time", async () => {
    const server = await start((_, response) => answer(response, 404));
    await expect(buffer(openNpmTarball(partFor(), optionsFor(server)))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
      message: `GET ${server.url}/tool/-/tool-1.0.0.tgz: HTTP status 404`,
    });
    const broken = await start((_, response) => {
      response
        .writeHead(200, { "content-length": 9 })
        .write("x", () => setTimeout(() => response.destroy(), 5));
    });
    await expect(buffer(openNpmTarball(partFor(), optionsFor(broken)))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
    });
  });

  test("answers a range with something else", async () => {
    const server = await start((request, response) => {
      if (request.headers.range !== undefined)
        answer(response, 206, { "content-range": "bytes 0-3/4" }, "evil");
      else
        response
          .writeHead(200, { "content-length": content.length })
          .write(content.subarray(0, 1_000), () => setTimeout(() => response.destroy(), 20));
    });
    await expect(buffer(openNpmTarball(partFor(), optionsFor(server)))).rejects.toMatchObject({
      code: "DEVENV_NPM_UNAVAILABLE",
      message: expect.stringContaining("HTTP status 206"),
    });
  });

  test.each([
    { path: "../tool.tgz" },
    { path: "tool/../../x.tgz" },
    { path: "//evil.example/x.tgz" },
    { path: "tool/-/tool.tgz?x" },
    { integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" },
  ])("is not asked for with %o", async (wrong) => {
    const server = await start((_, response) => answer(response, 200, {}, content));
    await expect(buffer(openNpmTarball(partFor(wrong), optionsFor(server)))).rejects.toMatchObject({
      code: "DEVENV_NPM_METADATA",
    });
    expect(server.seen).toEqual([]);
  });

  test("nobody reads to its end is not brought further", async () => {
    const server = await start((_, response) => {
      response.writeHead(200, { "content-length": 100_000_000 });
      response.write(content);
    });
    const stream = openNpmTarball(partFor(), optionsFor(server));
    await new Promise((resolve) => stream.once("data", resolve));
    stream.destroy();
    const stopped = new AbortController();
    const other = openNpmTarball(partFor(), { ...optionsFor(server), signal: stopped.signal });
    other.once("data", () => stopped.abort());
    await expect(buffer(other)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("the registry that this host has", () => {
  test("has npm, whose digest is right", async () => {
    const found = await findNpmVersions("npm");
    const version = found?.get("10.8.2");
    expect(version?.engines).toEqual({ node: "^18.17.0 || >=20.5.0" });
    if (version === undefined) throw new Error("the registry has no npm 10.8.2");
    const { integrity, path } = version;
    const part = partFor({ package: "npm", version: "10.8.2", integrity, path });
    const tarball = await buffer(openNpmTarball(part));
    expect(integrityOf(tarball)).toBe(integrity);
    expect(gunzipSync(tarball).includes("package/bin/npm-cli.js")).toBe(true);
  });
});
