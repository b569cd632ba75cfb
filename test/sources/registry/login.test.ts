import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  listTags,
  pushBlob,
  pushManifest,
  type RegistryClient,
  resolveImage,
} from "../../../src/sources/registry/index.ts";
import { imageOf, types, writeLayout } from "./content.ts";
import { type DockerRegistry, skopeoCopy, startDockerRegistry } from "./docker-registry.ts";
import { referenceTo, testClient } from "./fake-registry.ts";
import { startTokenServer, type TokenServer, user } from "./token-server.ts";

/** `correct horse`, bcrypt of the lowest cost. */
const htpasswd = "dev:$2b$04$vjZNc37ZVaTXSVXqztjG7O.HO.iLcjhk5fweTo1Ukf34mx.nW.0Eq\n";
const image = imageOf("linux/amd64", ["a layer"]);
const login = { auth: Buffer.from(`${user.name}:${user.password}`).toString("base64") };

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-login-"));
  writeLayout(join(directory, "image"), image.manifest, [image.config, ...image.layers]);
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A client of somebody who has stored this for the registry. */
function clientWith(registry: DockerRegistry, entry: Readonly<Record<string, unknown>>): RegistryClient {
  const home = mkdtempSync(join(directory, "home-"));
  mkdirSync(join(home, ".docker"));
  writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ auths: { [registry.name]: entry } }));
  return testClient({ environment: { HOME: home } });
}

async function push(registry: DockerRegistry, name: string): Promise<void> {
  const credentials = ["--dest-creds", `${user.name}:${user.password}`];
  await skopeoCopy(`oci:${join(directory, "image")}:latest`, `docker://${registry.name}/${name}`, [
    "--preserve-digests",
    ...credentials,
  ]);
}

async function pushByOurselves(client: RegistryClient, registry: DockerRegistry, repository: string) {
  const target = { registry: registry.name, repository, tag: "mine" };
  for (const { bytes, descriptor } of [image.config, ...image.layers]) {
    await pushBlob(client, target, descriptor, async function* () {
      yield bytes;
    });
  }
  return pushManifest(client, target, image.manifest.bytes, types.image);
}

describe("a registry with passwords", () => {
  let registry: DockerRegistry;

  beforeAll(async () => {
    const file = join(directory, "htpasswd");
    writeFileSync(file, htpasswd);
    registry = await startDockerRegistry({ htpasswd: { realm: 'test, "quoted"', path: file } });
    await push(registry, "acme/tool:1.0");
  });

  afterAll(() => registry.stop());

  test("lets in who has one", async () => {
    const client = clientWith(registry, login);
    const { images } = await resolveImage(client, referenceTo(registry, "acme/tool:1.0"), ["linux/amd64"]);
    expect(images[0]?.layers).toEqual([image.layers[0]?.descriptor]);
    await pushByOurselves(client, registry, "acme/pushed");
  });

  test.each([
    ["without one", undefined],
    ["with a wrong one", { username: user.name, password: "wrong-password" }],
    ["with an identity token, for which it has no use", { identitytoken: user.identity }],
  ])("refuses who comes %s", async (_, entry) => {
    const client = entry === undefined ? testClient() : clientWith(registry, entry);
    const error: unknown = await listTags(client, { registry: registry.name, repository: "acme/tool" }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "DEVENV_REGISTRY_UNAUTHORIZED",
      hint: expect.stringContaining("skopeo login"),
    });
    expect(String(error)).not.toContain("wrong-password");
  });
});

describe.each([
  ["that knows POST", true],
  ["that knows GET only", false],
])("a registry with a token server %s", (_, knowsPost) => {
  let registry: DockerRegistry;
  let tokens: TokenServer;

  beforeAll(async () => {
    tokens = await startTokenServer(mkdtempSync(join(directory, "token-")), knowsPost);
    registry = await startDockerRegistry(tokens.auth);
    await push(registry, "public/tool:1.0");
    await push(registry, "secret/tool:1.0");
  });

  afterAll(async () => {
    await registry.stop();
    await tokens.stop();
  });

  test("gives what is public to everyone, with one token for all requests", async () => {
    tokens.asked.length = 0;
    const reference = referenceTo(registry, "public/tool:1.0");
    await resolveImage(testClient(), reference, ["linux/amd64"]);
    expect(tokens.asked.map(String)).toEqual([
      "service=test-registry&scope=repository%3Apublic%2Ftool%3Apull",
    ]);
  });

  test("gives what is not to the user", async () => {
    tokens.asked.length = 0;
    const reference = referenceTo(registry, "secret/tool:1.0");
    await resolveImage(clientWith(registry, login), reference, ["linux/amd64"]);
    expect(tokens.asked).toHaveLength(1);
    expect(tokens.asked[0]?.get(knowsPost ? "grant_type" : "account")).toBe(
      knowsPost ? "password" : user.name,
    );
    expect(tokens.asked[0]?.get("scope")).toBe("repository:secret/tool:pull");
  });

  test("takes what the user pushes", async () => {
    tokens.asked.length = 0;
    await pushByOurselves(clientWith(registry, login), registry, "secret/pushed");
    expect(tokens.asked.map((one) => one.get("scope"))).toEqual([
      "repository:secret/pushed:pull",
      "repository:secret/pushed:pull,push",
    ]);
  });

  test("mounts from another repository that the user may read", async () => {
    const client = clientWith(registry, login);
    const target = { registry: registry.name, repository: "secret/mounted" };
    const [layer = image.config] = image.layers;
    const open = () => {
      throw new Error("must not be read");
    };
    expect(await pushBlob(client, target, layer.descriptor, open, { mountFrom: "secret/tool" })).toBe(
      "mounted",
    );
  });

  test("refuses everyone else", async () => {
    const reference = referenceTo(registry, "secret/tool:1.0");
    const error = { code: "DEVENV_REGISTRY_UNAUTHORIZED" };
    await expect(resolveImage(testClient(), reference, ["linux/amd64"])).rejects.toMatchObject(error);
    const wrong = clientWith(registry, { username: user.name, password: "wrong-password" });
    await expect(resolveImage(wrong, reference, ["linux/amd64"])).rejects.toMatchObject({
      ...error,
      message: expect.stringContaining("config.json"),
    });
  });

  test("takes an identity token where there is a use for it", async () => {
    tokens.asked.length = 0;
    const client = clientWith(registry, { auth: Buffer.from(`<token>:${user.identity}`).toString("base64") });
    const resolved = resolveImage(client, referenceTo(registry, "secret/tool:1.0"), ["linux/amd64"]);
    if (knowsPost) await resolved;
    else await expect(resolved).rejects.toMatchObject({ code: "DEVENV_REGISTRY_REFUSED" });
    expect(tokens.asked.map((one) => one.get("grant_type"))).toEqual(knowsPost ? ["refresh_token"] : []);
  });
});
