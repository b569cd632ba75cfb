import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCredentials } from "../../../src/sources/registry/credentials.ts";

let home: string;
let environment: Record<string, string>;
const ghcr = { registry: "ghcr.io", repository: "acme/tools/base" };
const hub = { registry: "docker.io", repository: "library/debian" };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "devenv-home-"));
  environment = { HOME: home, PATH: `${join(home, "bin")}:${process.env["PATH"]}` };
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

function write(file: string, value: unknown): void {
  const path = join(home, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
}

function helper(name: string, script: string): void {
  write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
  chmodSync(join(home, "bin", `docker-credential-${name}`), 0o755);
}

const loginOf = (name: string) => ({ auth: Buffer.from(`${name}:pw-${name}`).toString("base64") });

async function nameFor(repository = ghcr): Promise<string | undefined> {
  const found = await findCredentials(repository, environment);
  return found?.kind === "login" ? found.username : found?.kind;
}

const config = ".docker/config.json";

describe("credentials", () => {
  test("are none without a file", async () => {
    expect(await nameFor()).toBeUndefined();
  });

  test("come from the first file that has some", async () => {
    write(".config/containers/auth.json", { auths: { "ghcr.io": loginOf("config") } });
    expect(await nameFor()).toBe("config");
    environment["XDG_RUNTIME_DIR"] = join(home, "run");
    write("run/containers/auth.json", { auths: { "ghcr.io": loginOf("runtime") } });
    expect(await nameFor()).toBe("runtime");
    environment["REGISTRY_AUTH_FILE"] = join(home, "own.json");
    write("own.json", { auths: { "ghcr.io": loginOf("own") } });
    expect(await nameFor()).toBe("own");
    write(config, { auths: { "other.example": loginOf("other"), "ghcr.io": {} } });
    expect(await nameFor()).toBe("own");
    write(config, { auths: { "ghcr.io": loginOf("docker") } });
    expect(await nameFor()).toBe("docker");
    environment["DOCKER_CONFIG"] = join(home, "elsewhere");
    write("elsewhere/config.json", { auths: { "ghcr.io": loginOf("elsewhere") } });
    expect(await nameFor()).toBe("elsewhere");
  });

  test.each(["https://ghcr.io", "https://ghcr.io/v1/", "ghcr.io/v2/", "GHCR.io", "http://ghcr.io/x/y"])(
    "stand under %s",
    async (key) => {
      write(config, { auths: { [key]: loginOf("dev") } });
      expect(await nameFor()).toBe("dev");
    },
  );

  test.each(["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"])(
    "of Docker Hub stand under %s",
    async (key) => {
      write(config, { auths: { [key]: loginOf("dev") } });
      expect(await nameFor(hub)).toBe("dev");
      expect(await nameFor()).toBeUndefined();
    },
  );

  test("for a part of the path come before those for more", async () => {
    const auths: Record<string, unknown> = {
      "ghcr.io": loginOf("all"),
      "ghcr.io/acme/tools/basement": loginOf("x"),
    };
    write(config, { auths });
    expect(await nameFor()).toBe("all");
    write(config, { auths: { ...auths, "ghcr.io/acme": loginOf("acme") } });
    expect(await nameFor()).toBe("acme");
    write(config, {
      auths: { ...auths, "ghcr.io/acme": loginOf("acme"), "ghcr.io/acme/tools/base": loginOf("it") },
    });
    expect(await nameFor()).toBe("it");
  });

  test.each<[string, unknown, unknown]>([
    ["a password with colons", { auth: Buffer.from("dev:a:b\0").toString("base64") }, { password: "a:b" }],
    ["name and password apart", { username: "dev", password: "pw" }, { kind: "login", password: "pw" }],
    ["an identity token", { auth: "ZGV2Og==", identitytoken: "t" }, { kind: "identity", token: "t" }],
    ["the name of a token", { username: "<token>", password: "t" }, { kind: "identity", token: "t" }],
    ["a registry's token", { registrytoken: "t" }, { kind: "bearer", token: "t" }],
  ])("may be %s", async (_, entry, expected) => {
    write(config, { auths: { "ghcr.io": entry } });
    expect(await findCredentials(ghcr, environment)).toMatchObject(expected as object);
  });

  test.each<[string, unknown]>([
    ["no JSON", "{ secret-value"],
    ["a list", []],
    ["auths that are no object", { auths: "secret-value" }],
    ["an entry that is no object", { auths: { "ghcr.io": "secret-value" } }],
    ["auth without a colon", { auths: { "ghcr.io": { auth: "secret-value" } } }],
    ["auth that is no text", { auths: { "ghcr.io": { auth: ["secret-value"] } } }],
    ["a helper with a path", { credsStore: "../../secret-value" }],
  ])("of a broken file are an error that names it and no secret: %s", async (_, contents) => {
    write(config, contents);
    const error: unknown = await nameFor().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "DEVENV_REGISTRY_CREDENTIALS",
      message: expect.stringContaining(join(home, config)),
    });
    expect(String(error)).not.toContain("secret-value");
  });

  test("of a file that cannot be read are an error", async () => {
    mkdirSync(join(home, config), { recursive: true });
    await expect(nameFor()).rejects.toMatchObject({ code: "DEVENV_REGISTRY_CREDENTIALS" });
  });
});

describe("a helper", () => {
  const says = (name: string) => `echo '{"ServerURL":"x","Username":"${name}","Secret":"s"}'`;

  test("for the registry comes before the one for all, and both before the file", async () => {
    helper("own", says("own"));
    helper("all", says("all"));
    const auths = { "ghcr.io": loginOf("file") };
    write(config, { credHelpers: { "https://ghcr.io": "own" }, credsStore: "all", auths });
    expect(await nameFor()).toBe("own");
    write(config, { credHelpers: { "other.example": "own" }, credsStore: "all", auths });
    expect(await nameFor()).toBe("all");
  });

  test("is told the registry, and Docker Hub by its old name", async () => {
    helper(
      "echo",
      'read -r server; [ "$1" = get ] && echo "{\\"Username\\":\\"$server\\",\\"Secret\\":\\"s\\"}"',
    );
    write(config, { credsStore: "echo" });
    expect(await nameFor()).toBe("ghcr.io");
    expect(await nameFor(hub)).toBe("https://index.docker.io/v1/");
  });

  test("may hold an identity token", async () => {
    helper("token", says("<token>"));
    write(config, { credsStore: "token" });
    expect(await findCredentials(ghcr, environment)).toMatchObject({ kind: "identity", token: "s" });
  });

  test("that knows nothing leaves it to the file", async () => {
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    write(config, { credsStore: "none", auths: { "ghcr.io": loginOf("file") } });
    expect(await nameFor()).toBe("file");
  });

  test.each([
    ["is missing", undefined, "is not on PATH"],
    ["fails", "echo 'the keyring is locked' >&2; exit 3", "failed: the keyring is locked"],
    ["answers something else", "echo secret-value", "answered something else"],
    ["answers half", `echo '{"Username":"secret-value"}'`, "answered something else"],
    ["never stops talking", "yes secret-value", "was stopped"],
  ])("that %s is an error", async (_, script, message) => {
    if (script !== undefined) helper("bad", script);
    write(config, { credsStore: "bad" });
    await expect(nameFor()).rejects.toMatchObject({
      code: "DEVENV_REGISTRY_CREDENTIALS",
      message: expect.stringContaining(`docker-credential-bad ${message}`),
    });
  });
});
