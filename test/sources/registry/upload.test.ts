import { randomBytes } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pushBlob } from "../../../src/sources/registry/index.ts";
import { blobOf, types } from "./content.ts";
import { type DockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { answer, type FakeRegistry, fakeRegistries, testClient } from "./fake-registry.ts";

const mebibyte = 1024 * 1024;
const large = blobOf(randomBytes(40 * mebibyte), types.layer);
const small = blobOf(randomBytes(1000), types.layer);
const client = testClient();
const fake = fakeRegistries();

/** The bytes in uneven pieces; `opened` counts how often they were asked for. */
function opening(bytes: Buffer): { readonly open: () => AsyncGenerator<Buffer>; opened: number } {
  const source = {
    opened: 0,
    open: async function* () {
      source.opened++;
      for (let from = 0; from < bytes.length; from += 700_001) yield bytes.subarray(from, from + 700_001);
    },
  };
  return source;
}

interface Manners {
  /** Connections that break in a request with a body, after this many bytes of it; one each. */
  readonly breaks?: readonly number[];
  /** Bytes of one request beyond which it is refused. */
  readonly atMost?: number;
  readonly chunkAtLeast?: number;
  /** What it says when asked how far it is. */
  readonly status?: "right" | "unknown" | "one too few";
}

/** A registry that takes blobs in pieces, as the specification has it. */
async function taking(manners: Manners): Promise<{ server: FakeRegistry; log: string[]; stored(): Buffer }> {
  const breaks = [...(manners.breaks ?? [])];
  const log: string[] = [];
  const uploads: Buffer[] = [];
  let stored: Buffer = Buffer.alloc(0);
  const server = await fake((request, response) => {
    const { method = "", url = "" } = request;
    const number = Number(/\/upload\/(\d+)/.exec(url)?.[1]);
    const range = () => ({
      location: `/upload/${number}`,
      range: `0-${Math.max(0, (uploads[number]?.length ?? 0) - 1)}`,
    });
    if (method === "HEAD") answer(response, 404);
    else if (method === "POST") {
      const least = manners.chunkAtLeast;
      uploads.push(Buffer.alloc(0));
      log.push("start");
      answer(response, 202, {
        location: `/upload/${uploads.length - 1}`,
        ...(least === undefined ? {} : { "oci-chunk-min-length": least }),
      });
    } else if (method === "GET") {
      log.push("status");
      const length = (uploads[number]?.length ?? 0) - (manners.status === "one too few" ? 1 : 0);
      if (manners.status === "unknown") answer(response, 404);
      else answer(response, 204, { ...range(), range: `0-${length - 1}` });
    } else receive(request, response, number, range);
  });
  return { server, log, stored: () => stored };

  function receive(
    request: IncomingMessage,
    response: ServerResponse,
    number: number,
    range: () => Record<string, string>,
  ): void {
    const { method, headers } = request;
    const from = Number(/^(\d+)-/.exec(headers["content-range"] ?? "0-")?.[1]);
    const before = uploads[number]?.length ?? 0;
    const length = Number(headers["content-length"]);
    log.push(`${method} ${headers["content-range"] ?? length}`);
    if (length > (manners.atMost ?? Number.POSITIVE_INFINITY)) {
      request.resume().on("end", () => answer(response, 413));
      return;
    }
    if (method === "PATCH" && from !== before) {
      request.resume().on("end", () => answer(response, 416, range()));
      return;
    }
    const end = length > 0 ? breaks.shift() : undefined;
    const pieces: Buffer[] = [];
    let taken = 0;
    const keep = () => {
      uploads[number] = Buffer.concat([uploads[number] ?? Buffer.alloc(0), ...pieces]);
    };
    request.on("data", (piece: Buffer) => {
      if (request.destroyed) return;
      pieces.push(piece.subarray(0, (end ?? Number.POSITIVE_INFINITY) - taken));
      taken += piece.length;
      if (end === undefined || taken < end) return;
      keep();
      request.destroy();
    });
    request.on("error", () => {});
    request.on("end", () => {
      keep();
      if (method === "PATCH") answer(response, 202, range());
      else {
        stored = uploads[number] ?? Buffer.alloc(0);
        answer(response, 201);
      }
    });
  }
}

describe("an upload", () => {
  test("goes with one request when nothing is in its way", async () => {
    const { server, log, stored } = await taking({});
    const source = opening(large.bytes);
    expect(await pushBlob(client, server.repository, large.descriptor, source.open)).toBe("uploaded");
    expect(log).toEqual(["start", `PUT ${large.bytes.length}`]);
    expect(stored().equals(large.bytes)).toBe(true);
    expect(source.opened).toBe(1);
  });

  test("goes on where it broke off, in chunks, as often as it breaks", async () => {
    const { server, log, stored } = await taking({ breaks: [10 * mebibyte, 3 * mebibyte, 1000] });
    await pushBlob(client, server.repository, large.descriptor, opening(large.bytes).open);
    expect(stored().equals(large.bytes)).toBe(true);
    const at = (start: number, length: number) => `PATCH ${start}-${start + length - 1}`;
    const third = 13 * mebibyte + 1000;
    expect(log).toEqual([
      "start",
      `PUT ${large.bytes.length}`,
      "status",
      at(10 * mebibyte, 16 * mebibyte),
      "status",
      at(13 * mebibyte, 16 * mebibyte),
      "status",
      at(third, 16 * mebibyte),
      at(third + 16 * mebibyte, large.bytes.length - third - 16 * mebibyte),
      "PUT 0",
    ]);
  });

  test("begins anew where the registry forgot it, and not for ever", async () => {
    const { server, log, stored } = await taking({ breaks: [5 * mebibyte], status: "unknown" });
    await pushBlob(client, server.repository, large.descriptor, opening(large.bytes).open);
    expect(stored().equals(large.bytes)).toBe(true);
    expect(log.slice(0, 5)).toEqual([
      "start",
      `PUT ${large.bytes.length}`,
      "status",
      "start",
      `PATCH 0-${16 * mebibyte - 1}`,
    ]);
    const broken = await taking({ breaks: Array.from({ length: 20 }, () => 1000), status: "unknown" });
    await expect(
      pushBlob(client, broken.server.repository, small.descriptor, opening(small.bytes).open),
    ).rejects.toMatchObject({ code: "DEVENV_REGISTRY_UNAVAILABLE" });
    expect(broken.log.filter((line) => line === "start")).toHaveLength(3);
  });

  test("that is too much for one request goes in chunks", async () => {
    const { server, log, stored } = await taking({ atMost: 16 * mebibyte });
    await pushBlob(client, server.repository, large.descriptor, opening(large.bytes).open);
    expect(stored().equals(large.bytes)).toBe(true);
    expect(log.filter((line) => line.startsWith("PATCH"))).toHaveLength(3);
  });

  test("has chunks of the least length that the registry takes", async () => {
    const { server, log, stored } = await taking({ breaks: [mebibyte], chunkAtLeast: 30 * mebibyte });
    await pushBlob(client, server.repository, large.descriptor, opening(large.bytes).open);
    expect(stored().equals(large.bytes)).toBe(true);
    expect(log[3]).toBe(`PATCH ${mebibyte}-${31 * mebibyte - 1}`);
  });

  test("whose registry never agrees where it is ends with an error", async () => {
    const { server } = await taking({ breaks: [mebibyte], status: "one too few" });
    await expect(
      pushBlob(client, server.repository, large.descriptor, opening(large.bytes).open),
    ).rejects.toMatchObject({ code: "DEVENV_REGISTRY_UPLOAD" });
  });

  test("of another length than was said is an error in chunks too", async () => {
    for (const wrong of [-1, 1]) {
      const { server } = await taking({ breaks: [mebibyte] });
      const content = { ...large.descriptor, size: large.descriptor.size + wrong };
      await expect(
        pushBlob(client, server.repository, content, opening(large.bytes).open),
      ).rejects.toMatchObject({ code: "DEVENV_REGISTRY_SIZE" });
    }
  });
});

describe("docker-registry behind a connection that breaks", () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());

  test.each([[[30 * mebibyte]], [[5 * mebibyte, 12 * mebibyte]]])(
    "after %j bytes has the blob in the end",
    async (breaks) => {
      const blob = blobOf(randomBytes(40 * mebibyte), types.layer);
      const proxy = await breakingProxy(registry, breaks);
      const repository = { registry: proxy.name, repository: "acme/broken" };
      expect(await pushBlob(client, repository, blob.descriptor, opening(blob.bytes).open)).toBe("uploaded");
      expect(proxy.left()).toBe(0);
      const direct = { ...repository, registry: registry.name };
      await expect(pushBlob(client, direct, blob.descriptor, opening(blob.bytes).open)).resolves.toBe(
        "existed",
      );
      await proxy.stop();
    },
  );
});

/** Passes everything on to the registry, and breaks off requests that have a body, one for each of `breaks`. */
async function breakingProxy(registry: DockerRegistry, breaks: readonly number[]) {
  const left = [...breaks];
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const forwarded = httpRequest(`${registry.url}${url}`, { method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 500, answered.headers);
      answered.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    const end = method === "PUT" || method === "PATCH" ? left[0] : undefined;
    let passed = 0;
    request.on("data", (piece: Buffer) => {
      passed += piece.length;
      if (end === undefined || passed < end || request.destroyed) return;
      left.shift();
      forwarded.destroy();
      request.destroy();
    });
    request.on("error", () => {});
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    name: `127.0.0.1:${port}`,
    left: () => left.length,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
