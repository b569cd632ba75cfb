import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endpointsOf } from "../../../src/sources/registry/settings.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-settings-"));
  mkdirSync(join(directory, "devenv"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function set(registries: unknown): void {
  writeFileSync(join(directory, "devenv/settings.jsonc"), `// mine\n${JSON.stringify({ registries })}`);
}

const urlsOf = (registry: string) =>
  endpointsOf(registry, { XDG_CONFIG_HOME: directory }).map(({ url }) => url);

describe("the servers of a registry", () => {
  test.each([
    ["docker.io", "https://registry-1.docker.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["registry.example:5000", "https://registry.example:5000"],
    ["10.0.0.1:5000", "https://10.0.0.1:5000"],
    ["localhost:5000", "http://localhost:5000"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000"],
    ["[::1]:5000", "http://[::1]:5000"],
  ])("%s is at %s", (registry, url) => {
    expect(urlsOf(registry)).toEqual([url]);
  });

  test("are its mirrors first", () => {
    set({ "docker.io": { mirrors: ["http://127.0.0.1:5000", "https://mirror.example/hub/"] } });
    expect(endpointsOf("docker.io", { XDG_CONFIG_HOME: directory })).toEqual([
      { url: "http://127.0.0.1:5000", host: "127.0.0.1:5000", mirrorOf: "docker.io" },
      { url: "https://mirror.example/hub", host: "mirror.example", mirrorOf: "docker.io" },
      { url: "https://registry-1.docker.io", host: "docker.io" },
    ]);
    expect(urlsOf("ghcr.io")).toEqual(["https://ghcr.io"]);
  });

  test("are on plain http where the setting says so", () => {
    set({
      "registry.example": { insecure: true, mirrors: ["http://10.0.0.1"] },
      "localhost:1": { insecure: false },
    });
    expect(urlsOf("registry.example")).toEqual(["http://10.0.0.1", "http://registry.example"]);
    expect(urlsOf("localhost:1")).toEqual(["https://localhost:1"]);
  });

  test.each([
    ["x", 'registries: found "x"'],
    [{ "docker.io": [] }, "registries.docker.io: found []"],
    [{ "docker.io": { mirror: [] } }, 'unknown setting "mirror"'],
    [{ "docker.io": { insecure: "yes" } }, "expected true or false"],
    [{ "docker.io": { mirrors: "https://x.example" } }, "registries.docker.io.mirrors: found"],
    [{ "docker.io": { mirrors: ["x.example"] } }, "is no http: or https: URL"],
    [{ "docker.io": { mirrors: ["https://u:p@x.example"] } }, "holds no user"],
    [{ "docker.io": { mirrors: ["http://x.example"] } }, "is not https:"],
  ])("%j is refused", (registries, message) => {
    set(registries);
    expect(() => urlsOf("docker.io")).toThrow(
      expect.objectContaining({
        code: "DEVENV_SETTINGS_INVALID",
        usage: true,
        message: expect.stringContaining(message),
      }),
    );
  });
});
