import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openBlob, readBlob } from "../../../src/sources/registry/index.ts";
import { breakAfter, serve } from "../../store/server.ts";
import { blobOf, sha256, sha512, types } from "./content.ts";
import { answer, type FakeRegistry, fakeRegistries, type Handler, testClient } from "./fake-registry.ts";

const content = randomBytes(300_000);
const { descriptor } = blobOf(content, types.layer);
const fake = fakeRegistries();

async function bytesFrom(server: FakeRegistry, verify = true): Promise<Buffer> {
  const stream = openBlob(testClient(), server.repository, descriptor, { verify });
  return Buffer.concat(await stream.toArray());
}

const rangesOf = ({ seen }: FakeRegistry) => seen.map(({ range }) => range);

describe("a blob's stream", () => {
  test("goes on where connections broke", async () => {
    const server = await fake((request, response, count) => {
      if (count < 2) breakAfter(100_000, content, request, response);
      else serve(content, request, response);
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
  });

  test("goes on for as long as there is progress worth the name", async () => {
    const large = randomBytes(8_000_000);
    const server = await fake((request, response) => breakAfter(1_500_000, large, request, response));
    const stream = openBlob(testClient(), server.repository, blobOf(large, types.layer).descriptor, {
      verify: true,
    });
    expect(Buffer.concat(await stream.toArray()).equals(large)).toBe(true);
    expect(server.seen.length).toBeGreaterThan(3);
  });

  test("gives up when connections break again and again", async () => {
    const server = await fake((request, response) => breakAfter(1_000, content, request, response));
    await expect(bytesFrom(server)).rejects.toMatchObject({ code: "DEVENV_REGISTRY_UNAVAILABLE" });
    expect(server.seen).toHaveLength(3);
  });

  test("skips what it has when the server ignores ranges", async () => {
    const server = await fake((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else answer(response, 200, { "content-length": content.length }, content);
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
  });

  test.each([
    ["another start", { "content-range": "bytes 99999-299999/300000" }],
    ["another end", { "content-range": "bytes 100000-299998/300000" }],
    ["another size", { "content-range": "bytes 100000-299999/300001" }],
    ["no range", {}],
  ])("does not believe a 206 with %s", async (_, headers) => {
    const server = await fake((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else if (count === 1) answer(response, 206, headers, content.subarray(99_999));
      else serve(content, request, response);
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, "bytes=100000-", undefined]);
  });

  test("begins anew after 416", async () => {
    const server = await fake((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else if (count === 1) answer(response, 416);
      else serve(content, request, response);
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
  });

  test("goes on when a body ends early without having said its length", async () => {
    const server = await fake((request, response, count) => {
      if (count === 0) response.writeHead(200).end(content.subarray(0, 1_000));
      else serve(content, request, response);
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, "bytes=1000-"]);
  });

  test("goes on when a connection stalls", async () => {
    const server = await fake((request, response, count) => {
      if (count > 0) serve(content, request, response);
      else response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, 1_000));
    });
    expect((await bytesFrom(server)).equals(content)).toBe(true);
  });

  test.each<[string, string, Handler]>([
    [
      "SIZE",
      "a shorter Content-Length",
      (_, response) => answer(response, 200, { "content-length": 5 }, "short"),
    ],
    ["SIZE", "more bytes", (_, response) => response.writeHead(200).end(Buffer.concat([content, content]))],
    ["DIGEST", "other bytes", (_, response) => answer(response, 200, {}, Buffer.alloc(content.length))],
    ["UNAVAILABLE", "fewer bytes for ever", (_, response) => response.writeHead(200).end("x")],
    [
      "PROTOCOL",
      "a coded body",
      (_, response) => answer(response, 200, { "content-encoding": "gzip" }, content),
    ],
    ["PROTOCOL", "a range that nobody asked for", (_, response) => answer(response, 206, {}, content)],
    ["NOT_FOUND", "404", (_, response) => answer(response, 404)],
  ])("fails as %s after %s", async (code, _, handler) => {
    const server = await fake(handler);
    await expect(bytesFrom(server)).rejects.toMatchObject({ code: `DEVENV_REGISTRY_${code}` });
  });

  test("leaves the digest to the reader who wants it so", async () => {
    const server = await fake((_, response) => answer(response, 200, {}, Buffer.alloc(content.length)));
    expect((await bytesFrom(server, false)).equals(Buffer.alloc(content.length))).toBe(true);
  });

  test("asks the registry again when the address that it led to has expired", async () => {
    const cdn = await fake((request, response) => {
      if (request.url?.endsWith("?try=0")) breakAfter(100_000, content, request, response);
      else if (request.url?.endsWith("?try=1")) answer(response, 403, {}, "expired");
      else serve(content, request, response);
    });
    const server = await fake((_, response, count) =>
      answer(response, 307, { location: `${cdn.url}/x?try=${count}` }),
    );
    expect((await bytesFrom(server)).equals(content)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, "bytes=100000-", "bytes=100000-"]);
    expect(cdn.seen.map(({ path }) => path)).toEqual(["/x?try=0", "/x?try=1", "/x?try=2"]);
  });

  test("ends when told to", async () => {
    const server = await fake((_, response) => response.writeHead(200).write(content.subarray(0, 10)));
    const stop = new AbortController();
    const stream = openBlob(testClient(), server.repository, descriptor, {
      verify: true,
      signal: stop.signal,
    });
    stream.once("data", () => stop.abort());
    await expect(stream.toArray()).rejects.toMatchObject({ name: "AbortError" });
    expect(server.seen).toHaveLength(1);
  });

  test("lets go of the connection when nobody reads on", async () => {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const server = await fake((_, response) => {
      response.on("close", closed);
      response.writeHead(200).write(content.subarray(0, 10));
    });
    const stream = openBlob(testClient(), server.repository, descriptor, { verify: true });
    stream.once("data", () => stream.destroy());
    await gone;
  });
});

describe("content that needs no registry", () => {
  const nobody = { registry: "127.0.0.1:9", repository: "acme/tool" };
  const inline = Buffer.from("inline");

  test.each([
    ["nothing", "", { digest: sha256(Buffer.alloc(0)), size: 0 }],
    ["the empty value", "{}", { digest: sha256(Buffer.from("{}")), size: 2 }],
    ["the empty value by SHA-512", "{}", { digest: sha512(Buffer.from("{}")), size: 2 }],
    [
      "what the descriptor holds",
      "inline",
      { digest: sha256(inline), size: 6, data: inline.toString("base64") },
    ],
  ])("%s", async (_, text, known) => {
    const blob = { mediaType: types.layer, ...known };
    expect((await readBlob(testClient(), nobody, blob)).toString()).toBe(text);
    const chunks = await openBlob(testClient(), nobody, blob, { verify: false }).toArray();
    expect(Buffer.concat(chunks).toString()).toBe(text);
  });

  test("is still verified", async () => {
    const wrong = { mediaType: types.layer, digest: sha256(inline), size: 0 };
    await expect(readBlob(testClient(), nobody, wrong)).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_DIGEST",
    });
    await expect(openBlob(testClient(), nobody, wrong, { verify: false }).toArray()).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_DIGEST",
    });
  });
});

test("a blob too large for memory is not asked for", async () => {
  const server = await fake((_, response) => answer(response, 200));
  const huge = { ...descriptor, size: 2 ** 40 };
  await expect(readBlob(testClient(), server.repository, huge)).rejects.toMatchObject({
    code: "DEVENV_REGISTRY_SIZE",
  });
  expect(server.seen).toEqual([]);
});

test("a small blob is verified before anyone sees it", async () => {
  const server = await fake((_, response) => answer(response, 200, {}, Buffer.alloc(content.length)));
  await expect(readBlob(testClient(), server.repository, descriptor)).rejects.toMatchObject({
    code: "DEVENV_REGISTRY_DIGEST",
  });
});
