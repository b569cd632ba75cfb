import { describe, expect, test } from "vitest";
import { followRedirects } from "../../../src/sources/registry/redirect.ts";
import { retryTemporary } from "../../../src/sources/registry/retry.ts";
import { type RegistryRequest, sendPlainly } from "../../../src/sources/registry/transport.ts";
import { answer, type FakeRegistry, fakeRegistries, quick } from "./fake-registry.ts";

const fake = fakeRegistries();

const redirected = followRedirects(sendPlainly(1_000));
const retried = retryTemporary(redirected, quick);

function get(server: FakeRegistry, more: Partial<RegistryRequest> = {}): RegistryRequest {
  return { method: "GET", url: `${server.url}/v2/`, headers: { authorization: "Bearer secret" }, ...more };
}

describe("redirects", () => {
  test.each([301, 302, 303, 307, 308])(
    "%i is followed, with credentials at the same origin",
    async (status) => {
      const server = await fake((request, response) => {
        if (request.url === "/v2/") answer(response, status, { location: "../there#fragment" });
        else answer(response, 200);
      });
      expect(await redirected(get(server))).toMatchObject({
        status: 200,
        url: `${server.url}/there`,
        redirected: false,
      });
      expect(server.seen.at(-1)?.authorization).toBe("Bearer secret");
    },
  );

  test("leave credentials behind at another origin, and on the way back", async () => {
    const server = await fake((request, response) => {
      if (request.url === "/v2/") answer(response, 307, { location: `${elsewhere.url}/x` });
      else answer(response, 200);
    });
    const elsewhere = await fake((_, response) => answer(response, 307, { location: `${server.url}/back` }));
    expect((await redirected(get(server, { headers: { Authorization: "Bearer secret" } }))).status).toBe(200);
    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(["Bearer secret", undefined]);
  });

  test("without end are an error", async () => {
    const server = await fake((_, response) => answer(response, 302, { location: "/v2/" }));
    await expect(redirected(get(server))).rejects.toMatchObject({ code: "DEVENV_REGISTRY_REDIRECT" });
    expect(server.seen).toHaveLength(11);
  });

  test.each([
    ["nowhere", undefined, "REDIRECT"],
    ["what is no URL", "http://[", "REDIRECT"],
    ["a link-local address", "http://169.254.169.254/latest/meta-data", "INSECURE"],
    ["a link-local address in disguise", "http://[::ffff:a9fe:a9fe]/", "INSECURE"],
    ["another protocol", "file:///etc/passwd", "INSECURE"],
    ["a place with credentials", "http://u:p@127.0.0.1/", "INSECURE"],
  ])("to %s are refused", async (_, location, code) => {
    const server = await fake((__, response) =>
      answer(response, 302, location === undefined ? {} : { location }),
    );
    await expect(redirected(get(server))).rejects.toMatchObject({ code: `DEVENV_REGISTRY_${code}` });
    expect(server.seen).toHaveLength(1);
  });

  test("from https to http are refused", async () => {
    const server = await fake((_, response) => answer(response, 307, { location: "http://plain.example/" }));
    const plain = sendPlainly(1_000);
    const send = followRedirects(async (request) => ({
      ...(await plain({ ...request, url: server.url })),
      url: request.url,
    }));
    await expect(send({ method: "GET", url: "https://registry.example/v2/" })).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_INSECURE",
      message: expect.stringContaining("is not https:"),
    });
  });

  test("of an upload stay at its origin", async () => {
    const elsewhere = await fake((_, response) => answer(response, 201));
    const server = await fake((request, response) => {
      if (request.url === "/v2/") answer(response, 307, { location: "/here" });
      else answer(response, 307, { location: elsewhere.url });
    });
    const put = get(server, { method: "PUT", body: () => Buffer.from("x") });
    await expect(redirected(put)).rejects.toMatchObject({ code: "DEVENV_REGISTRY_REDIRECT" });
    expect(server.seen.map(({ path }) => path)).toEqual(["/v2/", "/here"]);
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("retries", () => {
  test.each([408, 429, 500, 502, 503, 504])("follow %i", async (status) => {
    const server = await fake((_, response, count) => answer(response, count < 2 ? status : 200));
    expect((await retried(get(server))).status).toBe(200);
    expect(server.seen).toHaveLength(3);
  });

  test.each([400, 401, 403, 404, 501])("do not follow %i", async (status) => {
    const server = await fake((_, response) => answer(response, status));
    expect((await retried(get(server))).status).toBe(status);
    expect(server.seen).toHaveLength(1);
  });

  test("end with the last answer", async () => {
    const server = await fake((_, response) => answer(response, 503));
    expect((await retried(get(server))).status).toBe(503);
    expect(server.seen).toHaveLength(quick.tries);
  });

  test("do not happen where a failure ends what the request goes on with", async () => {
    const server = await fake((_, response) => answer(response, 503));
    expect((await retried(get(server, { once: true }))).status).toBe(503);
    expect(server.seen).toHaveLength(1);
  });

  test.each([
    ["seconds", () => "1"],
    ["a date", () => new Date(Date.now() + 2_000).toUTCString()],
  ])("wait for as long as Retry-After says in %s", async (_, value) => {
    const server = await fake((__, response, count) => {
      if (count === 0) answer(response, 429, { "retry-after": value() });
      else answer(response, 200);
    });
    const start = performance.now();
    expect((await retried(get(server))).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThan(900);
  });

  test("do not wait longer than patience lasts", async () => {
    const server = await fake((_, response) => answer(response, 429, { "retry-after": "3600" }));
    expect((await retried(get(server))).status).toBe(429);
    expect(server.seen).toHaveLength(1);
  });

  test("go to the registry again, not to where it led", async () => {
    const elsewhere = await fake((_, response, count) => answer(response, count === 0 ? 503 : 200));
    const server = await fake((_, response) => answer(response, 307, { location: elsewhere.url }));
    expect((await retried(get(server))).status).toBe(200);
    expect(server.seen).toHaveLength(2);
  });

  test("follow a connection that breaks, and end with an error that says so", async () => {
    const once = await fake((_, response, count) => {
      if (count === 0) response.destroy();
      else answer(response, 200);
    });
    expect((await retried(get(once))).status).toBe(200);
    const always = await fake((_, response) => response.destroy());
    await expect(retried(get(always))).rejects.toMatchObject({ code: "DEVENV_REGISTRY_UNAVAILABLE" });
    expect(always.seen).toHaveLength(quick.tries);
  });

  test("are not made where nobody listens", async () => {
    let tries = 0;
    const send = retryTemporary(async (request) => {
      tries++;
      return redirected(request);
    }, quick);
    await expect(send({ method: "GET", url: "http://127.0.0.1:9/v2/" })).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_UNAVAILABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    expect(tries).toBe(1);
  });

  test("end when told to", async () => {
    const server = await fake((_, response) => answer(response, 503, { "retry-after": "2" }));
    const signal = AbortSignal.timeout(50);
    await expect(retried(get(server, { signal }))).rejects.toMatchObject({
      name: expect.stringMatching(/Abort|Timeout/),
    });
    expect(server.seen).toHaveLength(1);
  });
});
