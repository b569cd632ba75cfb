import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { registryOf } from "../../../src/sources/npm/settings.ts";

let home: string;
let directory: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "devenv-home-"));
  directory = mkdtempSync(join(tmpdir(), "devenv-project-"));
});

afterEach(() => {
  for (const path of [home, directory]) rmSync(path, { recursive: true, force: true });
});

const of = (name: string, environment: Readonly<Record<string, string>> = {}) =>
  registryOf(name, { environment: { HOME: home, ...environment }, directory });
/** As npm has variables filled in. */
const variable = (name: string) => `\${${name}}`;
const user = (text: string) => writeFileSync(join(home, ".npmrc"), text);
const project = (text: string) => writeFileSync(join(directory, ".npmrc"), text);

describe("the registry of npm", () => {
  test("is the public one when nothing is set", () => {
    const registry = of("npm");
    expect(registry.url).toMatch(/^https:\/\/[a-z.]+\/$/);
    expect(registry.headers).toEqual({});
  });

  test("is set by the user, by the project, by the environment, the last first", () => {
    user("; a comment\n# another\nregistry = https://user.example/npm\n");
    expect(of("npm").url).toBe("https://user.example/npm/");
    project('registry="https://project.example"\n');
    expect(of("npm").url).toBe("https://project.example/");
    expect(of("npm", { npm_config_registry: "http://environment.example//" }).url).toBe(
      "http://environment.example/",
    );
    expect(of("npm", { NPM_CONFIG_REGISTRY: "http://other.example" }).url).toBe("http://other.example/");
  });

  test("can be another one for a scope", () => {
    user("@deno:registry=https://deno.example/\nregistry=https://user.example\n");
    expect(of("@deno/linux-x64-glibc", { npm_config_registry: "https://environment.example" }).url).toBe(
      "https://deno.example/",
    );
    expect(of("@oven/bun-linux-aarch64").url).toBe("https://user.example/");
  });

  test("takes another file of the user's", () => {
    writeFileSync(join(home, "other"), "registry=https://other.example/\n");
    expect(of("npm", { npm_config_userconfig: join(home, "other") }).url).toBe("https://other.example/");
  });

  test.each(["not a URL", "file:///etc/passwd", "ftp://npm.example/"])("is never %s", (url) => {
    user(`registry=${url}\n`);
    expect(() => of("npm")).toThrow(
      expect.objectContaining({ code: "DEVENV_SETTINGS_INVALID", usage: true }),
    );
  });
});

describe("logins", () => {
  const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString("base64")}` });

  test.each<[string, string, Record<string, string>]>([
    ["a token", "//npm.example/:_authToken=abc", { authorization: "Bearer abc" }],
    ["a token for a path above", "//npm.example/acme/:_authToken=abc", { authorization: "Bearer abc" }],
    ["a token without a slash", "//npm.example/acme/tools:_authToken=abc", { authorization: "Bearer abc" }],
    ["name and password together", "//npm.example/:_auth=dTpw", { authorization: "Basic dTpw" }],
    ["name and password", "//npm.example/:username=u\n//npm.example/:_password=cA==", basic("u:p")],
    ["a token of another host", "//other.example/:_authToken=abc", {}],
    ["a token of another path", "//npm.example/other/:_authToken=abc", {}],
    ["a token for all hosts", "_authToken=abc", {}],
  ])("%s", (_, line, headers) => {
    user(`registry=https://npm.example/acme/tools/\n${line}\n`);
    expect(of("npm").headers).toEqual(headers);
  });

  test("the longest path counts", () => {
    user(
      "registry=https://npm.example/a/b\n//npm.example/:_authToken=one\n//npm.example/a/:_authToken=two\n",
    );
    expect(of("npm").headers).toEqual({ authorization: "Bearer two" });
  });

  test("in the URL are sent and never shown", () => {
    user("registry=https://name:pass%20word@npm.example/\n");
    expect(of("npm")).toEqual({ url: "https://npm.example/", headers: basic("name:pass word") });
  });

  test("come from variables in the user's file only: the project's could send them anywhere", () => {
    const token = `registry=https://npm.example/\n//npm.example/:_authToken=${variable("SECRET")}\n`;
    user(token);
    expect(of("npm", { SECRET: "abc" }).headers).toEqual({ authorization: "Bearer abc" });
    user("");
    project(token);
    expect(of("npm", { SECRET: "abc" })).toEqual({ url: "https://npm.example/", headers: {} });
    project(`registry=https://evil.example/${variable("SECRET")}/\n`);
    expect(of("npm", { SECRET: "abc" }).url).not.toContain("evil");
  });

  test("a variable that is not set stays as it is, unless it need not be", () => {
    user(
      `registry=https://npm.example/\n//npm.example/:_authToken=a${variable("NONE?")}b${variable("NONE")}\n`,
    );
    expect(of("npm").headers).toEqual({ authorization: `Bearer ab${variable("NONE")}` });
  });
});
