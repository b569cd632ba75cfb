import { describe, expect, test } from "vitest";
import { type BaseFacts, type ImageSource, languageOf } from "../../src/languages/index.ts";
import { imageVersions } from "../../src/resolve/image-tags.ts";

const debian = (codename: string): BaseFacts => ({
  distribution: "debian",
  codename,
  version: { bullseye: "11", bookworm: "12", trixie: "13" }[codename] ?? "",
  libc: "glibc",
});
const alpine = (version: string): BaseFacts => ({
  distribution: "alpine",
  codename: "",
  version,
  libc: "musl",
});
const noble: BaseFacts = { distribution: "ubuntu", codename: "noble", version: "24.04", libc: "glibc" };

/** As the official images have them. */
const tags: Readonly<Record<string, string>> = {
  python: `3.15.0rc1-slim-trixie 3.15-rc-slim-trixie 3.14.7-trixie 3.14-trixie 3-trixie trixie 3.14.7-slim-trixie
    3.14.7-slim 3.14.7-bookworm 3.14.7-slim-bookworm 3.14.7-alpine3.24 3.14.7-alpine 3.14.7-windowsservercore-ltsc2025
    3.9.7-slim-bullseye 3.9.7-slim-buster 3.9.7-bullseye 3.9.19-slim-bookworm 3.9-slim-bookworm slim latest 3.9.19`,
  node: `24.19.0-bookworm 24.19.0 24.19-bookworm-slim 24.19.0-bookworm-slim lts-bookworm-slim krypton-slim 24.19.0-slim
    24.19.0-bullseye-slim 24.19.0-alpine3.24 16.10.0-stretch-slim 14.1.0-buster-slim`,
  go: `1.27.0-trixie 1.27.0-bookworm 1.27.0-alpine3.24 1.27.0-alpine 1.27.0-nanoserver-ltsc2025 1.20.4-bullseye 1.20-bullseye
    1.27rc1-bookworm tip-20260815-trixie`,
  rust: `1-slim-bookworm 1.98-slim-bookworm 1.98.0-slim-bookworm 1.98.0-bookworm 1.98.0-alpine3.22`,
  java: `8u502-b07-jdk-jammy 8-jdk-jammy 8u502-b07-jre-jammy 17.0.20_8-jdk-noble 17.0.20_8-jdk-jammy 17.0.11_9-jdk-focal
    17.0.4.1_1-jdk-focal 17_35-jdk-focal 17.0.20_8-jdk-resolute 17.0.20_8-jdk-ubi9-minimal 17.0.20_8-jdk-alpine-3.24
    17.0.20_8-jdk-alpine-3.21 17.0.11_9-jdk-alpine 17-jdk-jammy 21_35-jdk-jammy`,
  ruby: `4.0.6-slim-bookworm 4.0-slim-bookworm 3.5.0-preview1-slim-bookworm 3.4-rc-slim-bookworm 3.3.1-bookworm`,
  php: `8.4.24-cli-bookworm 8.4.24-bookworm 8.4.24-apache-bookworm 8.4.24-fpm-bookworm 8.5.10RC1-cli-bookworm
    8.4.24-zts-bookworm 8.4.24-cli-alpine3.24`,
  deno: `2.9.1 bin-2.9.1 alpine-2.9.1 debian-2.9.1 bin bin-1.40.0`,
  bun: `1.4.5 1.4.5-slim 1.4.5-debian 1.4.5-alpine 1.4-slim 1 canary-slim 1.4.5-distroless`,
};

describe("the tags that suit a base", () => {
  test.each<[string, BaseFacts, Record<string, string>]>([
    ["python", debian("bookworm"), { "3.14.7": "3.14.7-slim-bookworm", "3.9.19": "3.9.19-slim-bookworm" }],
    ["python", debian("trixie"), { "3.15.0rc1": "3.15.0rc1-slim-trixie", "3.14.7": "3.14.7-slim-trixie" }],
    ["python", debian("bullseye"), { "3.9.7": "3.9.7-slim-bullseye" }],
    ["python", alpine("3.24.1"), { "3.14.7": "3.14.7-alpine3.24" }],
    ["python", alpine("3.25"), {}],
    ["python", noble, {}],
    [
      "node",
      debian("bookworm"),
      {
        "24.19.0": "24.19.0-bookworm-slim",
        "16.10.0": "16.10.0-stretch-slim",
        "14.1.0": "14.1.0-buster-slim",
      },
    ],
    [
      "node",
      debian("trixie"),
      {
        "24.19.0": "24.19.0-bookworm-slim",
        "16.10.0": "16.10.0-stretch-slim",
        "14.1.0": "14.1.0-buster-slim",
      },
    ],
    ["node", alpine("3.24.0"), { "24.19.0": "24.19.0-alpine3.24" }],
    ["node", alpine("3.23"), {}],
    [
      "go",
      debian("bookworm"),
      { "1.27.0": "1.27.0-bookworm", "1.20.4": "1.20.4-bullseye", "1.27rc1": "1.27rc1-bookworm" },
    ],
    ["go", debian("bullseye"), { "1.20.4": "1.20.4-bullseye" }],
    ["go", alpine("3.23"), { "1.27.0": "1.27.0-alpine" }],
    ["rust", debian("bookworm"), { "1.98.0": "1.98.0-slim-bookworm" }],
    ["rust", alpine("3.23"), { "1.98.0": "1.98.0-alpine3.22" }],
    [
      "java",
      debian("bookworm"),
      {
        "8u502-b07": "8u502-b07-jdk-jammy",
        "17.0.20+8": "17.0.20_8-jdk-jammy",
        "17.0.11+9": "17.0.11_9-jdk-focal",
        "17.0.4.1+1": "17.0.4.1_1-jdk-focal",
        "17+35": "17_35-jdk-focal",
        "21+35": "21_35-jdk-jammy",
      },
    ],
    [
      "java",
      debian("bullseye"),
      {
        "17.0.11+9": "17.0.11_9-jdk-focal",
        "17.0.4.1+1": "17.0.4.1_1-jdk-focal",
        "17+35": "17_35-jdk-focal",
      },
    ],
    [
      "java",
      noble,
      {
        "8u502-b07": "8u502-b07-jdk-jammy",
        "17.0.20+8": "17.0.20_8-jdk-noble",
        "17.0.11+9": "17.0.11_9-jdk-focal",
        "17.0.4.1+1": "17.0.4.1_1-jdk-focal",
        "17+35": "17_35-jdk-focal",
        "21+35": "21_35-jdk-jammy",
      },
    ],
    [
      "java",
      alpine("3.22"),
      { "17.0.20+8": "17.0.20_8-jdk-alpine-3.21", "17.0.11+9": "17.0.11_9-jdk-alpine" },
    ],
    [
      "ruby",
      debian("bookworm"),
      {
        "4.0.6": "4.0.6-slim-bookworm",
        "3.5.0-preview1": "3.5.0-preview1-slim-bookworm",
        "3.3.1": "3.3.1-bookworm",
      },
    ],
    ["php", debian("bookworm"), { "8.4.24": "8.4.24-cli-bookworm", "8.5.10RC1": "8.5.10RC1-cli-bookworm" }],
    ["deno", debian("bullseye"), { "2.9.1": "bin-2.9.1", "1.40.0": "bin-1.40.0" }],
    ["deno", alpine("3.22"), {}],
    ["bun", debian("trixie"), { "1.4.5": "1.4.5-slim" }],
    ["bun", alpine("3.22"), { "1.4.5": "1.4.5-alpine" }],
  ])("%s on %o", (name, facts, expected) => {
    const { fitting } = imageVersions(sourceOf(name), facts, tagsOf(name));
    expect(Object.fromEntries(fitting)).toEqual(expected);
  });

  test("do not depend on the registry's order", () => {
    const reversed = imageVersions(sourceOf("java"), noble, tagsOf("java").toReversed());
    expect(Object.fromEntries(reversed.fitting)["17.0.20+8"]).toBe("17.0.20_8-jdk-noble");
  });

  test("versions without one tell what they are made for", () => {
    const { others } = imageVersions(sourceOf("python"), debian("bookworm"), tagsOf("python"));
    expect(Object.fromEntries(others)).toEqual({
      "3.15.0rc1": ["trixie"],
      "3.9.7": ["bullseye", "buster"],
    });
  });
});

function sourceOf(name: string): ImageSource {
  const source = languageOf(name)?.image;
  if (source === undefined) throw new Error(`${name} has no image`);
  return source;
}

function tagsOf(name: string): string[] {
  return (tags[name] ?? "").split(/\s+/);
}
