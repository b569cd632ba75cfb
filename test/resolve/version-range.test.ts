import { describe, expect, test } from "vitest";
import type { DevenvError } from "../../src/errors.ts";
import { type Language, languageNames, languageOf } from "../../src/languages/index.ts";
import { newestFirst, semanticVersion } from "../../src/resolve/language-version.ts";
import { parseVersionRange } from "../../src/resolve/version-range.ts";

const versions: Readonly<Record<string, readonly string[]>> = {
  node: [
    "27.0.0-alpha.1",
    "26.12.0",
    "25.3.0",
    "24.13.0",
    "24.10.0",
    "22.1.0",
    "20.9.0",
    "18.20.4",
    "18.17.0",
  ],
  python: "4.0.0 3.15.0rc1 3.13.1 3.12.0 3.12.0rc1 3.11.2 3.10.0 3.9.25 3.9.7 3.9.0 3.8.20".split(" "),
  go: ["1.24rc1", "1.23.0", "1.23rc1", "1.22.5", "1.22.0", "1.20.3", "1.20"],
  rust: ["1.76.0", "1.75.0", "1.70.0"],
  java: "25.0.1+8 24.0.1+9 21.0.2+13 17.0.9+9 17.0.4.1+1 17.0.4+8 17+35 11.0.24+8 8u422-b05".split(" "),
  ruby: ["4.0.6", "3.5.0-preview1", "3.3.1", "3.2.2", "3.2.0", "3.1.0"],
  php: ["9.0.0", "8.5.10RC1", "8.3.1", "8.2.5", "8.1.9", "8.1.0", "7.4.33"],
  deno: ["2.9.6", "2.5.1", "1.46.3"],
  bun: ["1.4.5", "1.3.9-canary.20260218.1", "1.1.42"],
};

/** What fits, the newest first. */
const cases: readonly (readonly [language: string, range: string, fitting: string])[] = [
  ["node", "18", "18.20.4 18.17.0"],
  ["node", "^18.17", "18.20.4 18.17.0"],
  ["node", "~18.17", "18.17.0"],
  ["node", ">=20 <25", "24.13.0 24.10.0 22.1.0 20.9.0"],
  ["node", "18 || 22", "22.1.0 18.20.4 18.17.0"],
  ["node", "v18.17.0", "18.17.0"],
  ["node", "27.0.0-alpha.1", "27.0.0-alpha.1"],
  ["node", "lts", "24.13.0 20.9.0 18.20.4 18.17.0"],
  ["node", "lts/*", "24.13.0 20.9.0 18.20.4 18.17.0"],
  ["node", "lts/Iron", "20.9.0"],
  ["node", "latest", "26.12.0 25.3.0 24.13.0 24.10.0 22.1.0 20.9.0 18.20.4 18.17.0"],
  ["node", "current", "26.12.0 25.3.0 24.13.0 24.10.0 22.1.0 20.9.0 18.20.4 18.17.0"],
  ["python", "3.9", "3.9.25 3.9.7 3.9.0"],
  ["python", "3.9.7", "3.9.7"],
  ["python", "3.15.0rc1", "3.15.0rc1"],
  [`python`, ">=3.9,<3.12", "3.11.2 3.10.0 3.9.25 3.9.7 3.9.0"],
  ["python", ">=3.9, !=3.9.7, <3.10", "3.9.25 3.9.0"],
  ["python", "!=3.9.*, <3.10", "3.8.20"],
  ["python", "~=3.11", "3.13.1 3.12.0 3.11.2"],
  ["python", "~=3.9.2", "3.9.25 3.9.7"],
  ["python", "==3.9.*", "3.9.25 3.9.7 3.9.0"],
  ["python", "==3.9", "3.9.0"],
  ["python", "<=3.9", "3.9.0 3.8.20"],
  ["python", ">3.12", "4.0.0 3.13.1"],
  ["python", "^3.12", "3.13.1 3.12.0"],
  ["python", "~3.12", "3.12.0"],
  ["python", "^3.8 <3.9", "3.8.20"],
  ["python", "3.8 || 3.11", "3.11.2 3.8.20"],
  ["python", "3.x", "3.13.1 3.12.0 3.11.2 3.10.0 3.9.25 3.9.7 3.9.0 3.8.20"],
  ["python", "python-3.9.7", "3.9.7"],
  ["python", "stable", "4.0.0 3.13.1 3.12.0 3.11.2 3.10.0 3.9.25 3.9.7 3.9.0 3.8.20"],
  ["go", "1.22", "1.22.5 1.22.0"],
  ["go", "~1.22", "1.22.5 1.22.0"],
  ["go", "^1.22", "1.23.0 1.22.5 1.22.0"],
  ["go", "go1.22.5", "1.22.5"],
  ["go", "1.20", "1.20.3 1.20"],
  ["go", "1.23rc1", "1.23rc1"],
  ["go", ">1.20", "1.23.0 1.22.5 1.22.0"],
  ["go", "<=1.22", "1.22.5 1.22.0 1.20.3 1.20"],
  ["rust", "1.75", "1.75.0"],
  ["rust", "=1.75", "1.75.0"],
  ["rust", ">=1.70, <1.76", "1.75.0 1.70.0"],
  ["rust", "1.70 - 1.75", "1.75.0 1.70.0"],
  ["rust", "stable", "1.76.0 1.75.0 1.70.0"],
  ["java", "17", "17.0.9+9 17.0.4.1+1 17.0.4+8 17+35"],
  ["java", "17.0.4", "17.0.4.1+1 17.0.4+8"],
  ["java", "17.0.9+9", "17.0.9+9"],
  ["java", "17.0.4.1", "17.0.4.1+1"],
  ["java", "8", "8u422-b05"],
  ["java", "1.8", "8u422-b05"],
  ["java", "8u422", "8u422-b05"],
  ["java", "8u422-b05", "8u422-b05"],
  ["java", ">=17 <22", "21.0.2+13 17.0.9+9 17.0.4.1+1 17.0.4+8 17+35"],
  ["java", "lts", "25.0.1+8 21.0.2+13 17.0.9+9 17.0.4.1+1 17.0.4+8 17+35 11.0.24+8 8u422-b05"],
  ["java", "temurin-24", "24.0.1+9"],
  ["ruby", "3.2", "3.2.2 3.2.0"],
  ["ruby", "~> 3.2", "3.3.1 3.2.2 3.2.0"],
  ["ruby", "~> 3.2.1", "3.2.2"],
  ["ruby", "= 3.2", "3.2.0"],
  ["ruby", "!= 3.2.0, ~> 3.2.0", "3.2.2"],
  ["ruby", ">= 3.1, < 3.3", "3.2.2 3.2.0 3.1.0"],
  ["ruby", "ruby-3.2.2", "3.2.2"],
  ["ruby", "3.5.0-preview1", "3.5.0-preview1"],
  ["php", "8.1", "8.1.9 8.1.0"],
  ["php", "8.1.*", "8.1.9 8.1.0"],
  ["php", "^8.2", "8.3.1 8.2.5"],
  ["php", "~8.2", "8.3.1 8.2.5"],
  ["php", "~8.1.3", "8.1.9"],
  ["php", "7.4.*|8.2.*", "8.2.5 7.4.33"],
  ["php", "7.4.* || 8.2.*", "8.2.5 7.4.33"],
  ["php", "8.1 - 8.2", "8.2.5 8.1.9 8.1.0"],
  ["php", ">=8.1 <8.3", "8.2.5 8.1.9 8.1.0"],
  ["php", "!=8.1.0 8.1.*", "8.1.9"],
  ["deno", "^2", "2.9.6 2.5.1"],
  ["bun", "latest", "1.4.5 1.1.42"],
];

describe("a range fits", () => {
  test.each(cases)("%s %s: %s", (name, range, fitting) => {
    const language = known(name);
    const { matches } = parseVersionRange(language, range);
    expect(
      newestFirst(language.ranges, versions[name] ?? [])
        .filter(matches)
        .join(" "),
    ).toBe(fitting);
  });

  test("nothing that is no version", () => {
    for (const name of languageNames) {
      const { matches } = parseVersionRange(known(name), "latest");
      for (const text of ["", "nightly", "1.2.3.4.5.6", "3.x", "tip-20260815"])
        expect(matches(text)).toBe(false);
    }
  });
});

describe("versions", () => {
  test.each(Object.entries(versions))("of %s sort the newest first", (name, sorted) => {
    expect(newestFirst(known(name).ranges, sorted.toReversed())).toEqual(sorted);
  });

  test("that are none are left out", () => {
    expect(newestFirst("python", ["slim", "3.9.1", "3"])).toEqual(["3.9.1", "3"]);
    expect(semanticVersion("npm", "18")).toBeUndefined();
  });
});

describe("a range that names one version says so", () => {
  test.each([
    ["go", "1.22.3", "1.22.3"],
    ["go", "go1.23rc1", "1.23rc1"],
    ["go", "1.22", undefined],
    ["node", "=18.17.0", "18.17.0"],
    ["node", "18.17", undefined],
    ["java", "17.0.9+9", "17.0.9+9"],
    ["java", "17.0.9", undefined],
    ["python", "==3.9.7", "3.9.7"],
  ])("%s %s", (name, range, exact) => {
    expect(parseVersionRange(known(name), range).exact).toBe(exact);
  });

  test("and words ask for the newest", () => {
    expect(parseVersionRange(known("node"), "lts").newest).toBe(true);
    expect(parseVersionRange(known("node"), "18").newest).toBe(false);
  });
});

describe("a range that is none is refused", () => {
  test.each([
    ["python", "three"],
    ["python", "~=3"],
    ["python", ">=3.9,"],
    ["python", ">=3.9.*"],
    ["python", "~> 3.9"],
    ["python", "3.9 ||"],
    ["python", ""],
    ["node", ""],
    ["node", "lts/helium"],
    ["node", "> > 18"],
    ["go", "1.22.x.y"],
    ["java", "17.0.9+"],
    ["ruby", "^3.2"],
    ["php", "8.1 -"],
    ["php", "@stable"],
    ["rust", "stable-x86_64"],
  ])("%s %s", (name, range) => {
    expect(errorOf(name, range)).toMatchObject({
      code: "DEVENV_LANGUAGE_RANGE",
      usage: true,
      about: [`languages.${name}`],
      message: expect.stringContaining(
        `languages.${name}: found ${JSON.stringify(range)}, expected versions`,
      ),
    });
  });

  test.each([
    ["rust", "nightly", "nightly builds are in none of the sources"],
    ["rust", "nightly-2024-01-01", "nightly builds are in none of the sources"],
    ["rust", "beta", "beta releases are in none of the sources"],
    ["deno", "lts", "long-term support of Deno ended in April 2026; write the line, as in 2.5"],
  ])("%s %s, with the reason", (name, range, reason) => {
    expect(errorOf(name, range).message).toBe(`languages.${name}: found ${JSON.stringify(range)}: ${reason}`);
  });
});

function errorOf(name: string, range: string): DevenvError {
  try {
    parseVersionRange(known(name), range);
  } catch (error) {
    return error as DevenvError;
  }
  throw new Error(`${name} ${range} is a range`);
}

function known(name: string): Language {
  const language = languageOf(name);
  if (language === undefined) throw new Error(`no language ${name}`);
  return language;
}
