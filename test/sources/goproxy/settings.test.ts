import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checksumDatabase, goProxies } from "../../../src/sources/goproxy/settings.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "devenv-home-"));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const options = (environment: Readonly<Record<string, string>> = {}) => ({
  environment: { HOME: home, ...environment },
});
const proxies = (value: string) =>
  goProxies(options({ GOPROXY: value })).map(({ url, fallback }) => `${url} ${fallback}`);
const module = "golang.org/toolchain";
const database = (environment: Readonly<Record<string, string>>) =>
  checksumDatabase(module, options(environment));
const setInFile = (text: string, directory = join(home, ".config")) => {
  mkdirSync(join(directory, "go"), { recursive: true });
  writeFileSync(join(directory, "go/env"), text);
};

describe("GOPROXY", () => {
  test.each([
    [
      "https://a.example,https://b.example/x/,direct",
      ["https://a.example missing", "https://b.example/x missing"],
    ],
    ["https://a.example|direct", ["https://a.example always"]],
    ["a.example", ["https://a.example missing"]],
    ["http://127.0.0.1:3000,off,https://b.example", ["http://127.0.0.1:3000 missing"]],
    ["off", []],
    ["direct", []],
  ])("%s", (value, expected) => {
    expect(proxies(value)).toEqual(expected);
  });

  test("stands in the file of go env -w, which the environment goes before; else it is the public one", () => {
    const [publicOne] = goProxies(options());
    expect(publicOne?.url).toMatch(/^https:\/\/[a-z.]+$/);
    setInFile("GOFLAGS=-mod=mod\nGOPROXY=https://old.example\nGOPROXY=https://file.example\n");
    expect(goProxies(options())[0]?.url).toBe("https://file.example");
    expect(proxies("https://own.example")).toEqual(["https://own.example missing"]);
    expect(goProxies(options({ GOENV: "off" }))).toEqual([publicOne]);
    setInFile("GOPROXY=https://other.example\n", join(home, "xdg"));
    expect(goProxies(options({ XDG_CONFIG_HOME: join(home, "xdg") }))[0]?.url).toBe("https://other.example");
  });

  test("may hold a login", () => {
    expect(goProxies(options({ GOPROXY: "https://u:p%40@a.example/go" }))[0]).toEqual({
      url: "https://a.example/go",
      headers: { authorization: `Basic ${Buffer.from("u:p@").toString("base64")}` },
      fallback: "missing",
    });
  });

  test.each(["file:///srv/go", "https://"])("is never %s", (value) => {
    expect(() => proxies(value)).toThrow(expect.objectContaining({ code: "DEVENV_SETTINGS_INVALID" }));
  });
});

describe("GOSUMDB", () => {
  const own = "sum.example+6ccc8ad6+AW4Wyn8XUnNJoWfU4zdcwBEj1Bt9yi9CJNPXGXKjXPfX";

  test("is the public one with its key", () => {
    expect(database({})).toMatchObject({ key: { name: "sum.golang.org" }, url: "https://sum.golang.org" });
    expect(database({ GOSUMDB: "sum.golang.google.cn" })).toMatchObject({
      key: { name: "sum.golang.org" },
      url: "https://sum.golang.google.cn",
    });
    expect(database({ GOSUMDB: "sum.golang.org https://mirror.example/sum/" })).toMatchObject({
      url: "https://mirror.example/sum",
    });
  });

  test.each([
    { GOSUMDB: "off" },
    { GONOSUMDB: "golang.org" },
    { GONOSUMDB: "a.example, golang.org/tool*" },
    { GONOSUMDB: "*.org/toolchain" },
  ])("is not asked with %o", (environment) => {
    expect(database(environment)).toBeUndefined();
  });

  test.each([{ GONOSUMDB: "golang.org/toolchain/x" }, { GONOSUMDB: "golang" }, { GONOSUMDB: "go*.com,[" }])(
    "is asked with %o",
    (environment) => {
      expect(database(environment)).toBeDefined();
    },
  );

  test.each([
    "sum.example",
    own.replace("AW", "AX"),
    own.replace("6ccc", "0000"),
    "sum.example+6ccc8ad6+AW4=",
  ])("without a right key is refused: %s", (value) => {
    expect(() => database({ GOSUMDB: value })).toThrow(
      expect.objectContaining({ code: "DEVENV_SETTINGS_INVALID", usage: true }),
    );
  });
});
