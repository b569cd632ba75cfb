import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Language, languageNames, languageOf, type Placing } from "../../src/languages/index.ts";

const folder = resolve(import.meta.dirname, "../../src/languages");
const others = ["index.ts", "language.ts", "releases.ts"];
const languages = languageNames.map((name) => [name, languageOf(name) as Language] as const);

describe("the languages", () => {
  test("each file is one, and all are listed in alphabetical order", () => {
    const files = readdirSync(folder).filter((name) => !others.includes(name));
    expect(files.sort()).toEqual(languageNames.map((name) => `${name}.ts`));
  });

  test("a name that there is not", () => {
    expect(languageOf("cobol")).toBeUndefined();
    expect(languageOf("constructor")).toBeUndefined();
  });

  test.each(languages)("%s is complete", (name, language) => {
    expect(language.name).toBe(name);
    expect(language.check.length).toBeGreaterThan(1);
    expect(language.distribution ?? language.image ?? language.npm ?? language.goproxy).toBeDefined();
    for (const directory of language.path ?? []) expect(directory).toMatch(/^\/home\/dev\/[\w./-]+$/);
    for (const value of Object.values(language.inLayers ?? {}))
      expect(value).toMatch(/^(\/usr\/local|\/tmp|1)/);
    for (const word of Object.keys({ ...language.words, ...language.refused })) {
      expect(word).toBe(word.toLowerCase());
    }
  });

  test.each(languages)("what %s has in braces is known", (_, language) => {
    const words = new Set([...JSON.stringify(language).matchAll(/\{([\w]+)\}/g)].map(([, word]) => word));
    const known = ["1", "alpine", "architecture", "codename", "triple", "version"];
    expect([...words].filter((word) => !known.includes(word ?? ""))).toEqual([]);
    for (const tag of language.image?.tags ?? []) expect(tag.split("{version}")).toHaveLength(2);
  });

  test.each(languages)("%s places files below absolute paths", (_, language) => {
    const placings: (Placing | undefined)[] = [
      language.image,
      language.npm,
      language.npm?.companion,
      language.goproxy,
    ];
    for (const { maps, links = {}, executables = [] } of placings.filter((one) => one !== undefined)) {
      expect(maps.length).toBeGreaterThan(0);
      for (const { from, to } of maps) {
        expect(from).toMatch(/^[^/].*[^/]$/);
        expect(to).toMatch(/^\/(?:usr\/local|opt)(?:\/|$)/);
      }
      for (const path of [...Object.keys(links), ...executables]) expect(path).toMatch(/^\/usr\/local\//);
    }
  });
});
