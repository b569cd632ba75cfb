import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LockedModulePart } from "../../../src/lock/index.ts";
import { openGoModule } from "../../../src/sources/goproxy/index.ts";
import { type ZipEntry, zipOf } from "../../support/zip.ts";
import { answer, type FakeRegistry, fakeRegistries, quick } from "../registry/fake-registry.ts";

const start = fakeRegistries();
const root = "example.org/tool@v0.0.1-go1.22.5.linux-amd64";
const large = randomBytes(300_000);
/** More than is unpacked at once, and no multiple of anything. */
const compressible = Buffer.from(Array.from({ length: 300_001 }, (_, number) => `${number}\n`).join(""));
const good: readonly ZipEntry[] = [
  { name: `${root}/src/_go.mod`, content: "module std\n" },
  { name: `${root}/bin/go`, content: large },
  { name: `${root}/empty`, content: "" },
  { name: `${root}/a.b`, content: "1" },
  { name: `${root}/a/b`, content: "2" },
  { name: `${root}/é`, content: "3" },
  { name: `${root}/long/${"x".repeat(90)}/${"y".repeat(200)}`, content: "4" },
  { name: `${root}/tool`, content: compressible },
];

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-module-"));
  file = join(directory, "module.zip");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** golang.org/x/mod/sumdb/dirhash, Hash1. */
function sumOf(entries: readonly ZipEntry[]): string {
  const lines = entries
    .map(({ name, content }) => `${createHash("sha256").update(content).digest("hex")}  ${name}\n`)
    .sort((a, b) => Buffer.compare(Buffer.from(a.slice(66)), Buffer.from(b.slice(66))));
  return `h1:${createHash("sha256").update(lines.join("")).digest("base64")}`;
}

const partFor = (entries: readonly ZipEntry[] = good): LockedModulePart => ({
  kind: "goproxy",
  module: "example.org/tool",
  version: "v0.0.1-go1.22.5.linux-amd64",
  sum: sumOf(entries),
  path: "example.org/tool/@v/v0.0.1-go1.22.5.linux-amd64.zip",
  maps: [{ from: root, to: "/usr/local/go" }],
});

const optionsFor = (...servers: readonly FakeRegistry[]) => ({
  environment: { HOME: "/nonexistent", GOPROXY: servers.map(({ url }) => url).join(",") },
  patience: quick,
});

const serving = (body: Uint8Array) => start((_, response) => answer(response, 200, {}, body));

async function filesIn(archive: Readable): Promise<Record<string, { content: string; mode: number }>> {
  const files: Record<string, { content: string; mode: number }> = {};
  const bytes = await buffer(archive);
  const entries = extract();
  Readable.from([bytes]).pipe(entries);
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files[entry.header.name] = {
      content: Buffer.concat(chunks).toString("latin1"),
      mode: entry.header.mode ?? 0,
    };
  }
  return files;
}

describe("a module", () => {
  test("is a tar archive with the names of the .zip, go.mod under its own name", async () => {
    const server = await serving(zipOf(good));
    const files = await filesIn(openGoModule(partFor(), file, optionsFor(server)));
    expect(Object.keys(files)).toEqual([
      `${root}/a.b`,
      `${root}/a/b`,
      `${root}/bin/go`,
      `${root}/empty`,
      `${root}/long/${"x".repeat(90)}/${"y".repeat(200)}`,
      `${root}/src/go.mod`,
      `${root}/tool`,
      `${root}/é`,
    ]);
    expect(files[`${root}/bin/go`]).toEqual({ content: large.toString("latin1"), mode: 0o644 });
    expect(files[`${root}/src/go.mod`]?.content).toBe("module std\n");
    expect(files[`${root}/tool`]?.content).toBe(compressible.toString("latin1"));
    expect(server.seen.map(({ path }) => path)).toEqual([`/${partFor().path}`]);
    expect(existsSync(file)).toBe(false);
  });

  test("gives the same bytes whatever the order and the times in the .zip", async () => {
    const archives = [zipOf(good), zipOf(good.toReversed())];
    const streams = await Promise.all(
      archives.map(async (archive, index) =>
        buffer(openGoModule(partFor(), `${file}${index}`, optionsFor(await serving(archive)))),
      ),
    );
    expect(streams[0]?.equals(streams[1] ?? Buffer.of())).toBe(true);
  });

  test("may be stored as it is", async () => {
    const stored = good.map((entry) => ({ ...entry, stored: true }));
    const streams = await Promise.all(
      [good, stored].map(async (entries, index) => {
        const server = await serving(zipOf(entries));
        return buffer(openGoModule(partFor(), `${file}${index}`, optionsFor(server)));
      }),
    );
    expect(streams[1]?.equals(streams[0] ?? Buffer.of())).toBe(true);
  });

  test("comes from the next proxy when one has none or no archive of it", async () => {
    const other = await serving(zipOf([{ name: "example.org/other@v1.0.0/x", content: "x" }]));
    const page = await serving(Buffer.from("<html>Log in</html>"));
    const none = await start((_, response) => answer(response, 404));
    const server = await serving(zipOf(good));
    const files = await filesIn(openGoModule(partFor(), file, optionsFor(none, page, other, server)));
    expect(Object.keys(files)).toHaveLength(good.length);
  });

  test("ends with the proxy that has other content, as for the go command", async () => {
    const other = await serving(zipOf([...good.slice(1), { name: `${root}/x`, content: "evil" }]));
    const server = await serving(zipOf(good));
    await expect(buffer(openGoModule(partFor(), file, optionsFor(other, server)))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_SUM",
      message: expect.stringContaining(`${other.url}/${partFor().path} has h1:`),
    });
    expect(server.seen).toEqual([]);
  });

  test("goes on after a break", async () => {
    const archive = zipOf(good);
    const server = await start((request, response, count) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const rest = archive.subarray(from);
      response.writeHead(from > 0 ? 206 : 200, {
        "content-length": rest.length,
        "content-range": `bytes ${from}-${archive.length - 1}/${archive.length}`,
      });
      if (count > 0) response.end(rest);
      else response.write(rest.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    });
    expect(Object.keys(await filesIn(openGoModule(partFor(), file, optionsFor(server))))).toHaveLength(8);
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });
});

describe("nothing comes of", () => {
  const named = (name: string) => [{ name, content: "x" }];
  test.each<[string, readonly ZipEntry[]]>([
    ["a file of another module", named("example.org/other@v1.0.0/x")],
    ["a file above", named(`${root}/../x`)],
    ["a file below a dot", named(`${root}/./x`)],
    ["an absolute path", named("/etc/passwd")],
    ["a backslash", named(`${root}/a\\..\\b`)],
    ["a newline", named(`${root}/a\nb`)],
    ["a directory", named(`${root}/a/`)],
    ["two slashes", named(`${root}//a`)],
    ["the module itself", named(root)],
    ["a file twice", [...named(`${root}/x`), ...named(`${root}/x`)]],
    ["a file that is larger than it says", [{ name: `${root}/x`, content: "abc", size: 2 }]],
    ["a file that is smaller than it says", [{ name: `${root}/x`, content: "abc", size: 4 }]],
    ["more than can be", [0, 1].map((n) => ({ name: `${root}/${n}`, content: "x", size: 0xfffffff0 }))],
    ["an encrypted file", [{ name: `${root}/x`, content: "abc", encrypted: true }]],
    [
      "a large file that is larger than it says",
      [{ name: `${root}/x`, content: compressible, size: 1_500_000 }],
    ],
    [
      "a large file that is smaller than it says",
      [{ name: `${root}/x`, content: compressible, size: 3_000_000 }],
    ],
    ["a file that no header is in front of", [{ name: `${root}/x`, content: "abc", header: "none" }]],
  ])("%s", async (_, entries) => {
    const server = await serving(zipOf(entries));
    await expect(buffer(openGoModule(partFor(entries), file, optionsFor(server)))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_ARCHIVE",
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each<[string, () => Uint8Array, string]>([
    ["other content", () => zipOf([{ name: `${root}/x`, content: "x" }]), "DEVENV_GOPROXY_SUM"],
    ["content that was cut off", () => zipOf(good).subarray(0, 200_000), "DEVENV_GOPROXY_ARCHIVE"],
    ["content that is no archive", () => randomBytes(1_000), "DEVENV_GOPROXY_ARCHIVE"],
    ["nothing at all", () => Buffer.of(), "DEVENV_GOPROXY_ARCHIVE"],
    ["too much", () => Buffer.alloc(500_001), "DEVENV_GOPROXY_UNAVAILABLE"],
  ])("%s", async (_, body, code) => {
    const server = await serving(body());
    const options = { ...optionsFor(server), largestArchive: 500_000 };
    await expect(buffer(openGoModule(partFor(), file, options))).rejects.toMatchObject({ code });
    await expect.poll(() => readdirSync(directory)).toEqual([]);
  });

  test("a changed byte in a file", async () => {
    const archive = zipOf(good);
    const at = archive.indexOf("bin/go") + 20_000;
    archive[at] = (archive[at] ?? 0) ^ 1;
    const server = await serving(archive);
    await expect(buffer(openGoModule(partFor(), file, optionsFor(server)))).rejects.toMatchObject({
      code: expect.stringMatching(/^DEVENV_GOPROXY_(?:SUM|ARCHIVE)$/),
    });
  });

  test("proxies that do not have it, or none", async () => {
    const server = await start((_, response) => answer(response, 404));
    await expect(buffer(openGoModule(partFor(), file, optionsFor(server)))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_UNAVAILABLE",
      message: `GET ${server.url}/${partFor().path}: HTTP status 404`,
    });
    await expect(buffer(openGoModule(partFor(), file, optionsFor()))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_UNAVAILABLE",
    });
  });

  test("a reader that stops", async () => {
    const server = await serving(zipOf(good));
    const stopped = new AbortController();
    const stream = openGoModule(partFor(), file, { ...optionsFor(server), signal: stopped.signal });
    stopped.abort();
    await expect(buffer(stream)).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => readdirSync(directory)).toEqual([]);
  });
});
