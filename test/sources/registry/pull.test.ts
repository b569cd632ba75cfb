import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import {
  fetchManifest,
  listTags,
  openBlob,
  pushBlob,
  pushManifest,
  readBlob,
  resolveImage,
  resolveTag,
} from "../../../src/sources/registry/index.ts";
import { breakAfter, serve } from "../../store/server.ts";
import {
  type Blob,
  blobOf,
  entryOf,
  type Image,
  imageOf,
  indexOf,
  manifestOf,
  sha256,
  sha512,
  types,
} from "./content.ts";
import {
  answer,
  type FakeRegistry,
  type Handler,
  referenceTo,
  startFakeRegistry,
  testClient,
} from "./fake-registry.ts";

const running: FakeRegistry[] = [];
const directories: string[] = [];
const client = testClient();

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function fake(handler: Handler): Promise<FakeRegistry> {
  const server = await startFakeRegistry(handler);
  running.push(server);
  return server;
}

/** A healthy registry whose tag `latest` is `top`. */
function serving(top: Blob, others: readonly Blob[] = []): Promise<FakeRegistry> {
  return fake((request, response) => {
    const name = new URL(request.url ?? "", "http://x").pathname.split("/").at(-1) ?? "";
    const found =
      name === "latest" ? top : [top, ...others].find(({ descriptor }) => descriptor.digest === name);
    if (found === undefined) answer(response, 404);
    else answer(response, 200, { "content-type": found.descriptor.mediaType }, found.bytes);
  });
}

const partsOf = ({ manifest, config, layers }: Image) => [manifest, config, ...layers];
const latest = (server: FakeRegistry) => referenceTo(server, "acme/tool:latest");
const image = imageOf("linux/amd64", ["layer"]);
const { bytes, descriptor } = image.manifest;

describe("a manifest", () => {
  test("is asked for with all four types", async () => {
    const server = await serving(image.manifest);
    await fetchManifest(client, latest(server));
    expect(server.seen[0]?.accept?.split(", ")).toEqual([
      types.index,
      types.image,
      types.list,
      types.schema2,
    ]);
  });

  test.each<[string, string, Handler]>([
    [
      "DIGEST",
      "bytes other than the header says",
      (_, response) =>
        answer(
          response,
          200,
          { "content-type": types.image, "docker-content-digest": sha256(Buffer.from("x")) },
          bytes,
        ),
    ],
    [
      "DIGEST",
      "a header that is no digest",
      (_, response) =>
        answer(response, 200, { "content-type": types.image, "docker-content-digest": "../x" }, bytes),
    ],
    [
      "SIZE",
      "a body without end",
      (_, response) => answer(response, 200, {}, Buffer.alloc(4 * 1024 * 1024 + 1, " ")),
    ],
    [
      "MEDIA_TYPE",
      "an index as an image",
      (_, response) => answer(response, 200, { "content-type": types.index }, bytes),
    ],
    [
      "SCHEMA1",
      "schema 1",
      (_, response) =>
        answer(
          response,
          200,
          {
            "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "docker-content-digest": sha256(Buffer.from("the payload without signatures")),
          },
          '{"schemaVersion": 1}',
        ),
    ],
    ["UNAVAILABLE", "503 for ever", (_, response) => answer(response, 503)],
    [
      "UNAVAILABLE",
      "a body that breaks off for ever",
      (request, response) => breakAfter(10, bytes, request, response),
    ],
    ["DENIED", "403", (_, response) => answer(response, 403)],
    ["REFUSED", "418", (_, response) => answer(response, 418)],
    ["PROTOCOL", "204", (_, response) => answer(response, 204)],
  ])("is refused as %s: %s", async (code, _, handler) => {
    const server = await fake(handler);
    await expect(fetchManifest(client, latest(server))).rejects.toMatchObject({
      code: `DEVENV_REGISTRY_${code}`,
    });
  });

  test("with other bytes than its digest says is refused", async () => {
    const server = await fake((_, response) => answer(response, 200, { "content-type": types.image }, bytes));
    const reference = { ...server.repository, digest: sha256(Buffer.from("another")) };
    await expect(fetchManifest(client, reference)).rejects.toMatchObject({ code: "DEVENV_REGISTRY_DIGEST" });
  });

  test("may be known by SHA-512", async () => {
    const server = await fake((_, response) => answer(response, 200, { "content-type": types.image }, bytes));
    const digest = sha512(bytes);
    expect((await fetchManifest(client, { ...server.repository, digest })).descriptor).toEqual({
      ...descriptor,
      digest,
    });
  });

  test("is asked for again when the connection breaks in the middle", async () => {
    const server = await fake((request, response, count) => {
      response.setHeader("content-type", types.image);
      if (count === 0) breakAfter(10, bytes, request, response);
      else answer(response, 200, {}, bytes);
    });
    expect((await fetchManifest(client, latest(server))).descriptor).toEqual(descriptor);
  });

  test("that is refused because of a limit says what is left", async () => {
    const limits: unknown[] = [];
    const limited = testClient({ onRateLimit: (limit) => limits.push(limit) });
    const server = await fake((_, response) =>
      answer(response, 429, { "ratelimit-remaining": "0;w=21600", "retry-after": "9999" }),
    );
    await expect(fetchManifest(limited, latest(server))).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_RATE_LIMIT",
      message: expect.stringContaining("ratelimit-remaining: 0;w=21600"),
    });
    expect(limits).toEqual([{ host: server.name, remaining: "0;w=21600" }]);
  });
});

describe("a tag", () => {
  const headers = {
    "content-type": types.image,
    "docker-content-digest": descriptor.digest,
    "content-length": String(descriptor.size),
  };

  test("is looked up with HEAD", async () => {
    const server = await fake((_, response) => answer(response, 200, headers));
    expect(await resolveTag(client, latest(server))).toEqual(descriptor);
    expect(server.seen.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  test.each<[string, Handler]>([
    ["knows no HEAD", (_, response) => answer(response, 405)],
    [
      "leaves out the digest",
      (_, response) => answer(response, 200, { ...headers, "docker-content-digest": [] }),
    ],
    [
      "calls it something else",
      (_, response) => answer(response, 200, { ...headers, "content-type": "text/html" }),
    ],
  ])("is looked up with GET when the registry %s", async (_, handler) => {
    const server = await fake((request, response, count) => {
      if (request.method === "HEAD") handler(request, response, count);
      else answer(response, 200, headers, bytes);
    });
    expect(await resolveTag(client, latest(server))).toEqual(descriptor);
    expect(server.seen.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
  });

  test("that may not be seen says why", async () => {
    const server = await fake((_, response) =>
      answer(response, 403, {}, '{"errors":[{"code":"DENIED","message":"not you\\u001b[31m"}]}'),
    );
    await expect(resolveTag(client, latest(server))).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_DENIED",
      message: expect.stringMatching(/DENIED: not you\[31m$/),
    });
  });
});

describe("an image", () => {
  const arm = imageOf("linux/arm/v6", ["arm"]);
  const attestation = imageOf("unknown/unknown", ["statement"]);

  test("is found in nested indexes, past attestations and what is unknown", async () => {
    const nested = indexOf([entryOf(arm.manifest, "linux/arm/v6"), entryOf(image.manifest, "linux/amd64")]);
    const top = indexOf([
      entryOf(attestation.manifest, "unknown/unknown"),
      { ...entryOf(blobOf("?", "application/x-unknown")) },
      entryOf(nested),
    ]);
    const server = await serving(top, [nested, ...partsOf(arm), ...partsOf(image)]);
    const { images } = await resolveImage(client, latest(server), ["linux/arm/v7", "linux/amd64"]);
    expect(images.map(({ manifest }) => manifest.digest)).toEqual([
      arm.manifest.descriptor.digest,
      descriptor.digest,
    ]);
    // The tag is looked up once.
    expect(server.seen.filter(({ path }) => path.endsWith("latest"))).toHaveLength(1);
  });

  test("is taken at its own word where the index says nothing, unless it is an attestation", async () => {
    const said = {
      ...entryOf(attestation.manifest),
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    };
    const top = indexOf([
      said,
      entryOf(attestation.manifest, "unknown/unknown"),
      entryOf(arm.manifest),
      entryOf(image.manifest),
    ]);
    const server = await serving(top, [arm, image].flatMap(partsOf));
    const { images } = await resolveImage(client, latest(server), ["linux/amd64"]);
    expect(images[0]?.manifest.digest).toBe(descriptor.digest);
    await expect(resolveImage(client, latest(server), ["linux/s390x"])).rejects.toMatchObject({
      hint: "There are images for linux/arm/v6, linux/amd64.",
    });
  });

  test("may be there without an index", async () => {
    const server = await serving(image.manifest, partsOf(image));
    expect((await resolveImage(client, latest(server), ["linux/amd64"])).descriptor).toEqual(descriptor);
    await expect(resolveImage(client, latest(server), ["linux/arm64"])).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_PLATFORM",
      hint: "There are images for linux/amd64.",
    });
  });

  test("for another platform than the index says is refused", async () => {
    const server = await serving(indexOf([entryOf(image.manifest, "linux/arm64")]), partsOf(image));
    await expect(resolveImage(client, latest(server), ["linux/arm64"])).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_PLATFORM",
    });
  });

  test("of another size or type than the index says is refused", async () => {
    for (const [change, code] of [
      [{ size: descriptor.size + 1 }, "SIZE"],
      [{ size: 2 ** 40 }, "SIZE"],
      [{ mediaType: types.schema2 }, "MEDIA_TYPE"],
    ] as const) {
      const entry = { ...entryOf(image.manifest, "linux/amd64"), ...change };
      const server = await serving(indexOf([entry]), partsOf(image));
      await expect(resolveImage(client, latest(server), ["linux/amd64"])).rejects.toMatchObject({
        code: `DEVENV_REGISTRY_${code}`,
      });
    }
  });

  test("with another number of diffIDs than layers is refused", async () => {
    const manifest = manifestOf(image.config, [...image.layers, ...arm.layers]);
    const server = await serving(manifest, [image.config]);
    await expect(resolveImage(client, latest(server), ["linux/amd64"])).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_MANIFEST",
    });
  });

  test("is not what has no image's configuration", async () => {
    const server = await serving(manifestOf(blobOf("{}", "application/vnd.oci.empty.v1+json"), []));
    await expect(resolveImage(client, latest(server), ["linux/amd64"])).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_MEDIA_TYPE",
    });
  });

  test("is not looked for in indexes without end", async () => {
    const indexes = [indexOf([])];
    for (let depth = 0; depth < 6; depth++) indexes.unshift(indexOf([entryOf(indexes[0] ?? image.manifest)]));
    const [top = image.manifest] = indexes;
    const server = await serving(top, indexes);
    await expect(resolveImage(client, latest(server), ["linux/amd64"])).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_MANIFEST",
    });
  });
});

describe("tags", () => {
  const page = (...tags: unknown[]) => JSON.stringify({ name: "acme/tool", tags });

  test("are listed over pages that are shorter than they could be", async () => {
    const server = await fake((request, response) => {
      const last = new URL(request.url ?? "", "http://x").searchParams.get("last");
      if (last === null)
        answer(response, 200, { link: '</v2/acme/tool/tags/list?last=a>; rel="next"' }, page("a"));
      else if (last === "a") answer(response, 200, { link: "<list?last=b>; rel=next" }, '{"tags": null}');
      else answer(response, 200, {}, page("b", "../c", "a"));
    });
    expect(await listTags(client, server.repository)).toEqual(["a", "b"]);
  });

  test.each<[string, string, Handler]>([
    [
      "PROTOCOL",
      "that go round",
      (_, response) => answer(response, 200, { link: "<?last=a>; rel=next" }, page("a")),
    ],
    [
      "PROTOCOL",
      "that have no end",
      (request, response) =>
        answer(response, 200, { link: `<?last=${(request.url ?? "").length}>; rel=next` }, page()),
    ],
    ["PROTOCOL", "that are no list", (_, response) => answer(response, 200, {}, '{"tags": {}}')],
    ["PROTOCOL", "that are no texts", (_, response) => answer(response, 200, {}, page(5))],
    ["PROTOCOL", "that are no JSON", (_, response) => answer(response, 200, {}, "<html>")],
    [
      "INSECURE",
      "that go on elsewhere",
      (_, response) => answer(response, 200, { link: "<http://127.0.0.1:9/>; rel=next" }, page("a")),
    ],
    ["SIZE", "that are too many", (_, response) => answer(response, 200, {}, Buffer.alloc(9 * 1024 * 1024))],
  ])("are refused as %s: %s", async (code, _, handler) => {
    const server = await fake(handler);
    await expect(listTags(client, server.repository)).rejects.toMatchObject({
      code: `DEVENV_REGISTRY_${code}`,
    });
  });
});

describe("pushing", () => {
  const layer = blobOf("a layer to push", types.layer);
  const open = async function* () {
    yield layer.bytes;
  };

  /** A registry without any blob, whose uploads are what the test makes of them. */
  const taking = (start: Handler, put: Handler): Promise<FakeRegistry> =>
    fake((request, response, count) => {
      if (request.method === "HEAD") answer(response, 404);
      else if (request.method === "POST") start(request, response, count);
      else request.resume().on("end", () => put(request, response, count));
    });

  test("begins anew when an upload breaks off", async () => {
    const server = await taking(
      (_, response, count) => answer(response, 202, { location: `/upload/${count}?_state=a%3Db==` }),
      (request, response) => {
        if (request.url?.startsWith("/upload/0")) response.destroy();
        else answer(response, request.url?.startsWith("/upload/1") ? 503 : 201);
      },
    );
    expect(await pushBlob(client, server.repository, layer.descriptor, open)).toBe("uploaded");
    const digest = encodeURIComponent(layer.descriptor.digest);
    expect(server.seen.at(-1)?.path).toBe(`/upload/2?_state=a%3Db==&digest=${digest}`);
  });

  test.each([
    ["UPLOAD", "nowhere", undefined],
    ["INSECURE", "to a link-local address", "http://169.254.169.254/upload"],
  ])("is refused as %s when the registry sends it %s", async (code, _, location) => {
    const server = await taking(
      (__, response) => answer(response, 202, location === undefined ? {} : { location }),
      (__, response) => answer(response, 201),
    );
    await expect(pushBlob(client, server.repository, layer.descriptor, open)).rejects.toMatchObject({
      code: `DEVENV_REGISTRY_${code}`,
    });
  });

  test("a manifest that is stored as another is an error", async () => {
    const server = await fake((_, response) =>
      answer(response, 201, { "docker-content-digest": sha256(Buffer.from("another")) }),
    );
    await expect(pushManifest(client, latest(server), bytes, types.image)).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_UPLOAD",
    });
  });
});

describe("mirrors", () => {
  const content = Buffer.alloc(200_000, "content");
  const blob = blobOf(content, types.layer).descriptor;

  function clientWith(registry: FakeRegistry, ...mirrors: FakeRegistry[]) {
    const directory = mkdtempSync(join(tmpdir(), "devenv-mirrors-"));
    directories.push(directory);
    mkdirSync(join(directory, "devenv"));
    const registries = { [registry.name]: { mirrors: mirrors.map(({ url }) => url) } };
    writeFileSync(join(directory, "devenv/settings.jsonc"), JSON.stringify({ registries }));
    return testClient({ environment: { HOME: directory, XDG_CONFIG_HOME: directory } });
  }

  test("are asked first, and told for which registry", async () => {
    const registry = await serving(image.manifest);
    const mirror = await serving(image.manifest);
    await fetchManifest(clientWith(registry, mirror), latest(registry));
    expect(registry.seen).toEqual([]);
    expect(mirror.seen[0]?.path).toBe(
      `/v2/acme/tool/manifests/latest?ns=${encodeURIComponent(registry.name)}`,
    );
  });

  test.each<[string, Handler]>([
    ["has nothing", (_, response) => answer(response, 404)],
    ["has other bytes", (_, response) => answer(response, 200, {}, Buffer.alloc(content.length))],
    ["is broken", (_, response) => answer(response, 500)],
    [
      "leads into a private network",
      (_, response) => answer(response, 302, { location: "http://169.254.1.1/" }),
    ],
  ])("are passed over when one %s", async (_, handler) => {
    const registry = await fake((request, response) => serve(content, request, response));
    const mirror = await fake(handler);
    expect(await readBlob(clientWith(registry, mirror), registry.repository, blob)).toEqual(content);
  });

  test("that break off are gone on from", async () => {
    const registry = await fake((request, response) => serve(content, request, response));
    const mirror = await fake((request, response, count) => {
      if (count === 0) breakAfter(100_000, content, request, response);
      else answer(response, 404);
    });
    const stream = openBlob(clientWith(registry, mirror), registry.repository, blob, { verify: true });
    expect(Buffer.concat(await stream.toArray()).equals(content)).toBe(true);
    expect(registry.seen.map(({ range }) => range)).toEqual(["bytes=100000-"]);
  });

  test("and registry failing, the failure that came furthest is reported", async () => {
    const registry = await fake((_, response) => answer(response, 404));
    const wrong = await fake((_, response) => answer(response, 200, {}, Buffer.alloc(content.length)));
    const limited = await fake((_, response) => answer(response, 429, { "retry-after": "9999" }));
    const failing = clientWith(registry, wrong, limited);
    for (const read of [
      () => readBlob(failing, registry.repository, blob),
      () =>
        openBlob(
          failing,
          registry.repository,
          { ...blob, digest: sha256(content) },
          { verify: true },
        ).toArray(),
    ]) {
      const error: unknown = await read().then(
        () => "no error",
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: "DEVENV_REGISTRY_DIGEST" });
    }
    await expect(readBlob(failing, registry.repository, blob)).rejects.toThrow(
      `also asked ${limited.url}: GET ${limited.url}/v2/acme/tool/blobs/`,
    );
  });
});
