import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DevenvError } from "../../src/errors.ts";
import {
  type DownloadItem,
  type DownloadOptions,
  downloadBlobs,
  openStore,
  type Store,
} from "../../src/store/index.ts";
import { breakAfter, type Handler, serve, startServer, type TestServer } from "./server.ts";

const content = randomBytes(300_000);
const sha256 = createHash("sha256").update(content).digest("hex");
const quick: DownloadOptions = { patience: { tries: 3, firstDelay: 1, longestDelay: 2_000, stall: 500 } };

let directory: string;
let store: Store;
const servers: TestServer[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "devenv-download-"));
  store = await openStore(join(directory, "store"));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await rm(directory, { recursive: true, force: true });
});

describe("downloadBlobs", () => {
  test("brings a file, and asks for it only once", async () => {
    const server = await serverThat((request, response) => serve(content, request, response));
    await downloadBlobs(store, [item(server), item(server)], quick);
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([undefined]);
  });

  test("brings many files at the same time and says how far it is", async () => {
    const contents = Array.from({ length: 40 }, (_, index) => Buffer.alloc(1000 + index, index));
    let open = 0;
    let most = 0;
    const server = await serverThat((request, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        serve(contents[Number(request.url?.slice(1))] ?? Buffer.alloc(0), request, response);
      }, 5);
    });
    const items = contents.map((one, index) => ({
      name: `file ${index}`,
      size: one.length,
      sha256: createHash("sha256").update(one).digest("hex"),
      urls: [server.url(`/${index}`)],
    }));
    const seen: string[] = [];
    await downloadBlobs(store, items, {
      ...quick,
      parallel: 6,
      onProgress: ({ bytes, totalBytes, files, totalFiles }) => {
        seen.push(`${files}/${totalFiles} ${bytes}/${totalBytes}`);
      },
    });
    expect(most).toBe(6);
    expect(seen.at(-1)).toBe("40/40 40780/40780");
    expect(await readdir(join(store.root, "blobs/sha256"))).toHaveLength(40);
  });

  test("goes on where a broken connection ended", async () => {
    const server = await serverThat((request, response, count) => {
      if (count < 2) breakAfter(100_000, content, request, response);
      else serve(content, request, response);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
  });

  test("goes on after more breaks than there are tries, as long as each brings something", async () => {
    const server = await serverThat((request, response) => breakAfter(30_000, content, request, response));
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toHaveLength(10);
  });

  test("goes on with what a killed process had received", async () => {
    const server = await serverThat((request, response) => serve(content, request, response));
    await writeFile(deadTemporary(), content.subarray(0, 123_456));
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual(["bytes=123456-"]);
  });

  test("asks for nothing when a killed process had received all", async () => {
    const server = await serverThat((request, response) => serve(content, request, response));
    await writeFile(deadTemporary(), content);
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([]);
  });

  test("starts over when what a killed process left is damaged", async () => {
    const server = await serverThat((request, response) => serve(content, request, response));
    await writeFile(deadTemporary(), Buffer.alloc(5000, 1));
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual(["bytes=5000-", undefined]);
  });

  test("takes the whole file from a server that ignores ranges", async () => {
    const server = await serverThat((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else response.writeHead(200, { "content-length": content.length }).end(content);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
  });

  test.each([
    ["another start", { "content-range": "bytes 99999-299999/300000" }],
    ["another size", { "content-range": "bytes 100000-299999/300001" }],
    ["no range", {}],
  ])("does not believe a 206 with %s", async (_, headers) => {
    const server = await serverThat((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else if (count === 1) response.writeHead(206, headers).end(content.subarray(100_000));
      else serve(content, request, response);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([undefined, "bytes=100000-", undefined]);
  });

  test("starts over after 416", async () => {
    const server = await serverThat((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else if (count === 1) response.writeHead(416, { "content-range": "bytes */300000" }).end();
      else serve(content, request, response);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
  });

  test("goes on when a body ends early without having said its length", async () => {
    const server = await serverThat((request, response, count) => {
      if (count === 0) response.writeHead(200).end(content.subarray(0, 1000));
      else serve(content, request, response);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([undefined, "bytes=1000-"]);
  });

  test("goes on when a connection stalls", async () => {
    const server = await serverThat((request, response, count) => {
      if (count > 0) serve(content, request, response);
      else response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, 1000));
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
    expect(server.ranges).toEqual([undefined, "bytes=1000-"]);
  });

  test.each<[string, Handler]>([
    ["wrong bytes", (_, response) => response.end(Buffer.alloc(content.length))],
    [
      "a wrong length",
      (_, response) =>
        response.writeHead(200, { "content-length": content.length - 1 }).end(content.subarray(1)),
    ],
    ["too many bytes", (_, response) => response.writeHead(200).end(Buffer.concat([content, content]))],
    ["404", (_, response) => response.writeHead(404).end("no such file")],
    ["503 for ever", (_, response) => response.writeHead(503).end()],
    ["a very long Retry-After", (_, response) => response.writeHead(503, { "retry-after": "3600" }).end()],
    ["a closed connection", (_, response) => response.destroy()],
  ])("turns to the next mirror after %s", async (_, handler) => {
    const bad = await serverThat(handler);
    const good = await serverThat((request, response) => serve(content, request, response));
    await downloadBlobs(store, [item(bad, good)], quick);
    await expectBlob();
    expect(good.ranges).toEqual([undefined]);
  });

  test("mixes two mirrors when the first breaks for good", async () => {
    const bad = await serverThat((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else response.destroy();
    });
    const good = await serverThat((request, response) => serve(content, request, response));
    await downloadBlobs(store, [item(bad, good)], quick);
    await expectBlob();
    expect(good.ranges).toEqual(["bytes=100000-"]);
  });

  test("does not blame a good mirror for the wrong bytes of another", async () => {
    const bad = await serverThat((request, response, count) => {
      if (count === 0) breakAfter(100_000, Buffer.alloc(content.length), request, response);
      else response.destroy();
    });
    const good = await serverThat((request, response) => serve(content, request, response));
    await downloadBlobs(store, [item(bad, good)], quick);
    await expectBlob();
    expect(good.ranges).toEqual(["bytes=100000-", undefined]);
  });

  test("waits as long as Retry-After says", async () => {
    const server = await serverThat((request, response, count) => {
      if (count === 0) response.writeHead(429, { "retry-after": "1" }).end();
      else serve(content, request, response);
    });
    const start = performance.now();
    await downloadBlobs(store, [item(server)], quick);
    expect(performance.now() - start).toBeGreaterThan(950);
    await expectBlob();
  });

  test("follows redirects", async () => {
    const server = await serverThat((request, response) => {
      if (request.url === "/file") response.writeHead(302, { location: "/elsewhere" }).end();
      else serve(content, request, response);
    });
    await downloadBlobs(store, [item(server)], quick);
    await expectBlob();
  });

  test("says what each mirror answered when none has the file", async () => {
    const missing = await serverThat((_, response) => response.writeHead(404).end());
    const wrong = await serverThat((_, response) => response.end(Buffer.alloc(content.length)));
    const error = await downloadBlobs(store, [item(missing, wrong)], quick).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DevenvError);
    expect(error).toMatchObject({ code: "DEVENV_DOWNLOAD" });
    const message = (error as DevenvError).message;
    expect(message).toContain("hello 1.0");
    expect(message).toContain(`${missing.url("/file")}: HTTP status 404`);
    expect(message).toContain(`${wrong.url("/file")}: the file has another SHA-256 there`);
    expect(await readdir(join(store.root, "blobs/sha256"))).toEqual([]);
    expect(await readdir(join(store.root, "tmp"))).toEqual([]);
  });

  test("refuses what is not http", async () => {
    const urls = ["ftp://example.org/file"];
    await expect(downloadBlobs(store, [{ name: "x", sha256, size: 1, urls }], quick)).rejects.toMatchObject({
      code: "DEVENV_URL",
    });
  });

  test("stops when told to", async () => {
    const server = await serverThat((_, response) => response.writeHead(200).write("x"));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(
      downloadBlobs(store, [item(server)], { ...quick, signal: stop.signal }),
    ).rejects.toMatchObject({ name: "AbortError" });
  });
});

function item(...mirrors: TestServer[]): DownloadItem {
  return {
    name: "hello 1.0",
    sha256,
    size: content.length,
    urls: mirrors.map((server) => server.url("/file")),
  };
}

async function serverThat(handler: Handler): Promise<TestServer> {
  const server = await startServer(handler);
  servers.push(server);
  return server;
}

/** Where a process of an earlier boot would have left its download. */
function deadTemporary(): string {
  return join(store.root, "tmp", `01234567.4026531836.77.12345.download-${sha256}.0123456789ab`);
}

async function expectBlob(): Promise<void> {
  expect(content.equals(await readFile(store.blobPath(sha256)))).toBe(true);
  expect(await readdir(join(store.root, "tmp"))).toEqual([]);
}
