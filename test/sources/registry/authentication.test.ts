import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { authenticate } from "../../../src/sources/registry/authentication.ts";
import type { Credentials } from "../../../src/sources/registry/credentials.ts";
import { followRedirects } from "../../../src/sources/registry/redirect.ts";
import { sendPlainly } from "../../../src/sources/registry/transport.ts";
import { answer, type FakeRegistry, fakeRegistries, type Handler } from "./fake-registry.ts";

const fake = fakeRegistries();

/** A registry that lets in whoever brings one of the `good` tokens, and sends everyone else to `/token`. */
async function registryWith(
  good: ReadonlySet<string>,
  token: Handler,
  more = 'scope="repository:a:pull"',
): Promise<FakeRegistry> {
  const registry = await fake((request, response, count) => {
    if (request.url?.startsWith("/token")) token(request, response, count);
    else if (good.has(request.headers.authorization ?? "")) answer(response, 200);
    else {
      const challenge = `Bearer realm="${registry.url}/token",service="s",${more}`;
      answer(response, 401, { "www-authenticate": ["Negotiate", challenge] });
    }
  });
  return registry;
}

function senderTo(registry: FakeRegistry, credentials?: Credentials) {
  const plain = followRedirects(sendPlainly(1_000));
  const send = authenticate(plain, {
    registryURL: registry.url,
    sendForToken: plain,
    credentials: async () => credentials,
  });
  return (path = "/v2/a", scopes: readonly string[] = ["repository:a:pull"]) =>
    send({ method: "GET", url: `${registry.url}${path}`, scopes });
}

const tokensAsked = ({ seen }: FakeRegistry) =>
  seen.filter(({ path }) => path.startsWith("/token")).map(({ path }) => path);

const login: Credentials = { kind: "login", username: "dev", password: "hunter22", source: "FILE" };

describe("tokens", () => {
  test("are fetched once for many requests at the same time", async () => {
    const registry = await registryWith(new Set(["Bearer t"]), (_, response) => {
      setTimeout(() => answer(response, 200, {}, '{"access_token": "t"}'), 50);
    });
    const send = senderTo(registry);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send()));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(tokensAsked(registry)).toEqual(["/token?service=s&scope=repository%3Aa%3Apull"]);
  });

  test("are brought along from the second request on", async () => {
    const registry = await registryWith(new Set(["Bearer t"]), (_, response) =>
      answer(response, 200, {}, '{"token": "t"}'),
    );
    const send = senderTo(registry);
    await send();
    await send();
    expect(registry.seen.map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
      "Bearer t",
      "Bearer t",
    ]);
  });

  test("are fetched again when they have expired", async () => {
    const registry = await registryWith(new Set(["Bearer t"]), (_, response) =>
      answer(response, 200, {}, '{"token": "t", "expires_in": 1}'),
    );
    const send = senderTo(registry);
    await send();
    await sleep(1_000);
    await send();
    expect(tokensAsked(registry)).toHaveLength(2);
    expect(registry.seen.map(({ path }) => path)).toEqual([
      "/v2/a",
      tokensAsked(registry)[0],
      "/v2/a",
      tokensAsked(registry)[0],
      "/v2/a",
    ]);
  });

  test("are fetched again when the registry refuses one, for all requests once", async () => {
    const good = new Set(["Bearer t0"]);
    const registry = await registryWith(good, (_, response, count) =>
      answer(response, 200, {}, JSON.stringify({ token: `t${count}` })),
    );
    const send = senderTo(registry);
    await send();
    good.clear();
    good.add("Bearer t1");
    const answers = await Promise.all(Array.from({ length: 5 }, () => send()));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(tokensAsked(registry)).toHaveLength(2);
  });

  test("are asked for the scope that the registry names, and for what is known to be needed", async () => {
    const registry = await registryWith(
      new Set(["Bearer t"]),
      (_, response) => answer(response, 200, {}, '{"token": "t"}'),
      'scope="repository:a:pull,delete",error="insufficient_scope"',
    );
    await senderTo(registry)();
    const { searchParams } = new URL(tokensAsked(registry)[0] ?? "", "http://x");
    expect(searchParams.getAll("scope")).toEqual(["repository:a:pull,delete", "repository:a:pull"]);
  });

  test("that are refused twice end in the registry's answer", async () => {
    const registry = await registryWith(new Set(), (_, response) =>
      answer(response, 200, {}, '{"token": "t"}'),
    );
    expect((await senderTo(registry)()).status).toBe(401);
    expect(tokensAsked(registry)).toHaveLength(1);
  });

  test("stored as such are brought as they are", async () => {
    const registry = await registryWith(new Set(["Bearer stored"]), (_, response) => answer(response, 500));
    const send = senderTo(registry, { kind: "bearer", token: "stored", source: "FILE" });
    expect((await send()).status).toBe(200);
    expect(tokensAsked(registry)).toEqual([]);
  });

  test.each([
    ["no JSON", "nonsense"],
    ["no token", "{}"],
    ["a token that is no text", '{"token": 5}'],
    ["a token that would be another header", '{"token": "a\\r\\nHost: evil"}'],
  ])("that the server answers with %s are an error", async (_, body) => {
    const registry = await registryWith(new Set(), (__, response) => answer(response, 200, {}, body));
    await expect(senderTo(registry)()).rejects.toMatchObject({ code: "DEVENV_REGISTRY_TOKEN" });
  });

  test("are not waited for when a request ends", async () => {
    const registry = await registryWith(new Set(), () => {});
    const stop = new AbortController();
    const plain = sendPlainly(5_000);
    const send = authenticate(plain, {
      registryURL: registry.url,
      sendForToken: plain,
      credentials: async () => {
        setTimeout(() => stop.abort(), 20);
        return undefined;
      },
    });
    await expect(
      send({ method: "GET", url: `${registry.url}/v2/a`, signal: stop.signal }),
    ).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("secrets", () => {
  test.each([400, 401, 403])("that the token server repeats with %i are not shown", async (status) => {
    const registry = await registryWith(new Set(), (_, response) =>
      answer(response, status, {}, '{"errors": [{"message": "no hunter22 here"}]}'),
    );
    const error: unknown = await senderTo(registry, login)().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: status === 403 ? "DEVENV_REGISTRY_DENIED" : "DEVENV_REGISTRY_UNAUTHORIZED",
      message: expect.stringContaining("no *** here (credentials from FILE)"),
    });
  });

  test("do not follow a redirect of the token server to another origin", async () => {
    const elsewhere = await fake((_, response) => answer(response, 200, {}, '{"token": "t"}'));
    const registry = await registryWith(new Set(["Bearer t"]), (request, response) => {
      if (request.method === "POST") answer(response, 404);
      else answer(response, 302, { location: `${elsewhere.url}/token` });
    });
    expect((await senderTo(registry, login)()).status).toBe(200);
    expect(registry.seen.at(-2)?.authorization).toMatch(/^Basic /);
    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test("do not answer a challenge from behind a redirect", async () => {
    const elsewhere = await fake((_, response) =>
      answer(response, 401, { "www-authenticate": "Basic realm=x" }),
    );
    const registry = await fake((_, response) => answer(response, 307, { location: elsewhere.url }));
    expect((await senderTo(registry, login)()).status).toBe(401);
    expect(elsewhere.seen).toHaveLength(1);
    expect(registry.seen).toHaveLength(1);
  });

  test("are not sent to a request's other origin", async () => {
    const elsewhere = await fake((_, response) =>
      answer(response, 401, { "www-authenticate": "Basic realm=x" }),
    );
    const registry = await fake((_, response) => answer(response, 200));
    const plain = sendPlainly(1_000);
    const send = authenticate(plain, {
      registryURL: registry.url,
      sendForToken: plain,
      credentials: async () => login,
    });
    expect((await send({ method: "PUT", url: `${elsewhere.url}/upload` })).status).toBe(401);
    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe("a challenge", () => {
  test.each([
    ["of an unknown kind", "Negotiate", "DEVENV_REGISTRY_CHALLENGE"],
    ["that is none", undefined, "DEVENV_REGISTRY_CHALLENGE"],
    ["that is malformed", 'Bearer realm="', "DEVENV_REGISTRY_CHALLENGE"],
    ["without a token server", "Bearer service=x", "DEVENV_REGISTRY_CHALLENGE"],
    ["with a realm that is no URL", "Bearer realm=x", "DEVENV_REGISTRY_INSECURE"],
    ["with a link-local realm", 'Bearer realm="http://169.254.169.254/"', "DEVENV_REGISTRY_INSECURE"],
  ])("%s is an error", async (_, challenge, code) => {
    const registry = await fake((__, response) =>
      answer(response, 401, challenge === undefined ? {} : { "www-authenticate": challenge }),
    );
    await expect(senderTo(registry, login)()).rejects.toMatchObject({ code });
    expect(registry.seen).toHaveLength(1);
  });

  test("of two kinds is answered with a token", async () => {
    const registry = await fake((request, response) => {
      if (request.url?.startsWith("/token")) answer(response, 200, {}, '{"token": "t"}');
      else if (request.headers.authorization === "Bearer t") answer(response, 200);
      else
        answer(response, 401, {
          "www-authenticate": `Basic realm="x", Bearer realm="${registry.url}/token"`,
        });
    });
    expect((await senderTo(registry)()).status).toBe(200);
  });
});
