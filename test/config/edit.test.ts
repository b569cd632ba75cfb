import { parse } from "jsonc-parser";
import { describe, expect, test } from "vitest";
import { addNames, parseConfiguration, removeNames } from "../../src/config/index.ts";

const commented = `{
  // The shop.
  "name": "shop",   // short
  "base": "bootstrap:debian/bookworm",
  "packages": [ // what we need
    "git", // version control
    /* database */ "libpq-dev",
    // the last one
    "curl" // downloads
  ],
  "network": "none" /* for now */
}
`;

describe("add", () => {
  test("keeps comments and formatting", () => {
    expect(addNames(commented, ["jq", "make"])).toBe(
      commented.replace('"curl" // downloads\n', '"curl", // downloads\n    "jq",\n    "make"\n'),
    );
  });

  test.each([
    ["one line", '{ "packages": ["git"] }', '{ "packages": ["git", "jq"] }'],
    ["sorted, one line", '{ "packages": ["git", "zip"] }', '{ "packages": ["git", "jq", "zip"] }'],
    ["sorted, first", '{ "packages": ["make", "zip"] }', '{ "packages": ["jq", "make", "zip"] }'],
    ["not sorted", '{ "packages": ["zip", "git"] }', '{ "packages": ["zip", "git", "jq"] }'],
    ["spaces inside", '{ "packages": [ "git" ] }', '{ "packages": [ "git", "jq" ] }'],
    ["trailing comma", '{ "packages": ["git",] }', '{ "packages": ["git", "jq",] }'],
    ["empty", '{ "packages": [] }', '{ "packages": ["jq"] }'],
    ["empty with space", '{ "packages": [ ] }', '{ "packages": ["jq"] }'],
    ["empty over lines", '{\n\t"packages": [\n\t]\n}', '{\n\t"packages": [\n\t\t"jq"\n\t]\n}'],
    [
      "only a comment",
      '{\n  "packages": [\n    // none\n  ]\n}',
      '{\n  "packages": [\n    // none\n    "jq"\n  ]\n}',
    ],
    ["lines", '{\n  "packages": [\n    "git"\n  ]\n}', '{\n  "packages": [\n    "git",\n    "jq"\n  ]\n}'],
    [
      "lines, sorted, first",
      '{\n  "packages": [\n    "make",\n    "zip"\n  ]\n}',
      '{\n  "packages": [\n    "jq",\n    "make",\n    "zip"\n  ]\n}',
    ],
    [
      "lines, trailing comma",
      '{\n  "packages": [\n    "a1",\n  ]\n}',
      '{\n  "packages": [\n    "a1",\n    "jq",\n  ]\n}',
    ],
    [
      "CRLF",
      '{\r\n  "packages": [\r\n    "a1"\r\n  ]\r\n}',
      '{\r\n  "packages": [\r\n    "a1",\r\n    "jq"\r\n  ]\r\n}',
    ],
    [
      "two in one line of several",
      '{"packages": [\n  "a1", "b1"\n]}',
      '{"packages": [\n  "a1", "b1", "jq"\n]}',
    ],
    [
      "no key",
      '{\n  "base": "b", // c\n  "network": "none"\n}',
      '{\n  "base": "b", // c\n  "packages": ["jq"],\n  "network": "none"\n}',
    ],
    ["no key, last", '{\n  "base": "b" // c\n}', '{\n  "base": "b", // c\n  "packages": ["jq"]\n}'],
    ["no key, one line", '{ "base": "b", "env": {} }', '{ "base": "b", "packages": ["jq"], "env": {} }'],
    ["byte order mark", '\uFEFF{ "packages": ["git"] }', '\uFEFF{ "packages": ["git", "jq"] }'],
    ["there already", '{ "packages": [  "jq"  ] }', '{ "packages": [  "jq"  ] }'],
  ])("%s", (_, before, after) => {
    expect(addNames(before, ["jq"])).toBe(after);
  });

  test.each(["Git", "", "../x", 'a"b', "libc6:amd64"])("the name %j is refused", (name) => {
    expect(() => addNames(commented, [name])).toThrow(
      expect.objectContaining({ code: "DEVENV_PACKAGE_NAME" }),
    );
  });

  test("a file that cannot be understood is refused, not damaged", () => {
    const wrong = ["{ packages", '{ "packages": "git" }', '{ "packages": [1] }', "[]", ""];
    for (const text of wrong) {
      expect(() => addNames(text, ["git"])).toThrow(
        expect.objectContaining({ code: "DEVENV_CONFIG_INVALID" }),
      );
    }
  });
});

describe("remove", () => {
  test("keeps all other comments and formatting", () => {
    expect(removeNames(commented, ["git"])).toBe(commented.replace('    "git", // version control\n', ""));
    expect(removeNames(commented, ["curl"])).toBe(
      commented.replace('"libpq-dev",', '"libpq-dev"').replace('    "curl" // downloads\n', ""),
    );
    expect(removeNames(commented, ["libpq-dev"])).toBe(
      commented.replace('/* database */ "libpq-dev",', "/* database */ "),
    );
  });

  test.each([
    ["first", '{ "packages": ["jq", "git"] }', '{ "packages": ["git"] }'],
    ["middle", '{ "packages": ["git", "jq", "zip"] }', '{ "packages": ["git", "zip"] }'],
    ["last", '{ "packages": ["git", "jq"] }', '{ "packages": ["git"] }'],
    ["only", '{ "packages": ["jq"] }', '{ "packages": [] }'],
    ["only, lines", '{\n  "packages": [\n    "jq"\n  ]\n}', '{\n  "packages": [\n  ]\n}'],
    ["last, trailing comma", '{ "packages": ["git", "jq",] }', '{ "packages": ["git", ] }'],
    ["last, spaces", '{ "packages": [ "git", "jq" ] }', '{ "packages": [ "git" ] }'],
    ["last line", '{ "packages": [\n  "git",\n  "jq"\n] }', '{ "packages": [\n  "git"\n] }'],
    [
      "last line, trailing comma",
      '{ "packages": [\n  "git",\n  "jq",\n] }',
      '{ "packages": [\n  "git",\n] }',
    ],
    ["comment between", '{ "packages": ["git", /* x */ "jq"] }', '{ "packages": ["git" /* x */] }'],
    ["CRLF", '{ "packages": [\r\n  "jq",\r\n  "zip"\r\n] }', '{ "packages": [\r\n  "zip"\r\n] }'],
  ])("%s", (_, before, after) => {
    expect(removeNames(before, ["jq"])).toBe(after);
  });

  test("a package that is not listed is refused, with the nearest name", () => {
    expect(() => removeNames(commented, ["libpg-dev"])).toThrow(
      expect.objectContaining({
        code: "DEVENV_PACKAGE_NOT_LISTED",
        message: expect.stringContaining('did you mean "libpq-dev"?'),
      }),
    );
    expect(() => removeNames("{}", ["git"])).toThrow(
      expect.objectContaining({ code: "DEVENV_PACKAGE_NOT_LISTED" }),
    );
  });
});

test("adding and removing in any order and any layout leaves valid lists and every other comment", () => {
  const random = randomNumbers(20261124);
  const pool = ["aa", "bb", "cc", "dd", "ee", "ff"];
  for (let round = 0; round < 400; round++) {
    let text = randomLayout(random, pool);
    const wanted = new Set<string>((parse(text) as { packages: string[] }).packages);
    for (let step = 0; step < 6; step++) {
      const name = pool[Math.floor(random() * pool.length)] ?? "aa";
      text = wanted.has(name) ? removeNames(text, [name]) : addNames(text, [name]);
      if (!wanted.delete(name)) wanted.add(name);
      expect([...(parse(text) as { packages: string[] }).packages].sort()).toEqual([...wanted].sort());
      expect(text).toContain("// before");
      expect(text).toContain("/* after */");
    }
  }
});

function randomLayout(random: () => number, pool: readonly string[]): string {
  const pick = (choices: readonly string[]): string => choices[Math.floor(random() * choices.length)] ?? "";
  const filler = (): string => pick(["", "", " ", "\n  ", " /* c */ ", " // c\n    ", "\r\n\t"]);
  const names = pool.filter(() => random() < 0.5);
  const items = names.map((name) => `${filler()}"${name}"${filler()}`).join(",");
  const comma = names.length > 0 ? pick(["", ","]) : "";
  return `{ // before\n  "packages": [${items}${comma}${filler()}]${filler()},\n  "z": 1 /* after */\n}\n`;
}

/** Mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe("languages", () => {
  const text =
    '{\n  "name": "shop", // ours\n  "base": "bootstrap:debian/bookworm",\n  "packages": ["git"]\n}\n';

  test("are added with their range, changed in place and removed, whatever else stands there", () => {
    const added = addNames(text, ["python@3.9", "curl", "node@^18.17 || lts"]);
    expect(parseConfiguration(added, "devenv.jsonc")).toMatchObject({
      languages: { python: { version: "3.9" }, node: { version: "^18.17 || lts" } },
      packages: ["git", "curl"],
    });
    expect(added).toContain('"name": "shop", // ours\n');
    const changed = addNames(added, ["python@3.10"]);
    expect(changed).toBe(added.replace('"3.9"', '"3.10"'));
    expect(parseConfiguration(removeNames(changed, ["python"]), "devenv.jsonc").languages).toEqual({
      node: { version: "^18.17 || lts" },
    });
  });

  test("the source that was asked for stays", () => {
    const forced = text.replace(
      '"packages"',
      '"languages": { "go": { "version": "1.21", "source": "goproxy" } },\n  "packages"',
    );
    expect(addNames(forced, ["go@1.22"])).toBe(forced.replace("1.21", "1.22"));
  });

  test.each(["pyhton@3.9", "git@2.39", "python@", "@3.9"])("%s is no language with a range", (word) => {
    expect(() => addNames(text, [word])).toThrow(
      expect.objectContaining({ code: "DEVENV_LANGUAGE_UNKNOWN" }),
    );
  });
});
