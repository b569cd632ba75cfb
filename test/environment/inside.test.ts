import { describe, expect, test } from "vitest";
import {
  expandHome,
  insideEnvironment,
  insideVariables,
  workingDirectory,
} from "../../src/environment/inside.ts";

test.each([
  ["~", "/home/dev"],
  ["~/", "/home/dev/"],
  ["~/.cargo/registry", "/home/dev/.cargo/registry"],
  ["/var/lib", "/var/lib"],
  ["~other/x", "~other/x"],
  ["/a/~/b", "/a/~/b"],
])("%s is %s inside", (path, inside) => {
  expect(expandHome(path)).toBe(inside);
});

describe("the working directory", () => {
  test.each([
    ["/home/u/shop", "/workspaces/shop"],
    ["/home/u/shop/src", "/workspaces/shop/src"],
    ["/home/u/shop/src/a b/ü", "/workspaces/shop/src/a b/ü"],
    ["/home/u/shop/..data", "/workspaces/shop/..data"],
    ["/home/u", "/workspaces/shop"],
    ["/home/u/shop-2/src", "/workspaces/shop"],
    ["/", "/workspaces/shop"],
  ])("%s outside is %s inside", (outside, inside) => {
    expect(workingDirectory("shop", "/home/u/shop", outside)).toBe(inside);
  });
});

describe("the environment", () => {
  test("has little of the host's: the terminal, colours and the language", () => {
    const host = {
      TERM: "xterm-256color",
      COLORTERM: "truecolor",
      LANG: "de_DE.UTF-8",
      PATH: "/evil",
      SECRET: "s",
    };
    expect(insideEnvironment(insideVariables("shop", {}), host)).toEqual({
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      TERM: "xterm-256color",
      COLORTERM: "truecolor",
      LANG: "de_DE.UTF-8",
      HOME: "/home/dev",
      USER: "dev",
      LOGNAME: "dev",
      SHELL: "/bin/bash",
      DEVENV_NAME: "shop",
    });
  });

  test("has a language of its own where the host has none, and no empty variables", () => {
    const inside = insideEnvironment(insideVariables("shop", {}), { TERM: "", LANG: "" });
    expect(inside).toMatchObject({ LANG: "C.UTF-8" });
    expect(inside).not.toHaveProperty("TERM");
    expect(inside).not.toHaveProperty("COLORTERM");
  });

  test("the image's variables come before the host's, and never say who the user is", () => {
    const image = { PATH: "/usr/local/go/bin:/bin", GOPATH: "/go", LANG: "C", HOME: "/root", USER: "go" };
    expect(insideEnvironment(insideVariables("shop", {}, image), { LANG: "en_US.UTF-8" })).toMatchObject({
      PATH: "/usr/local/go/bin:/bin",
      GOPATH: "/go",
      LANG: "en_US.UTF-8",
      HOME: "/home/dev",
      USER: "dev",
    });
  });

  test("the configuration has the last word", () => {
    const configured = { PATH: "/opt/bin", TERM: "dumb", DATABASE_URL: "postgres:///shop" };
    expect(insideEnvironment(insideVariables("shop", configured), { TERM: "xterm" })).toMatchObject(
      configured,
    );
  });
});
