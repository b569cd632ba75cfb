import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Configuration, DebianSuite } from "../../src/config/types.ts";
import { lockToolchains } from "../../src/environment/lock-toolchains.ts";
import { type BaseFacts, languageNames, languageOf } from "../../src/languages/index.ts";
import type { LockedToolchain, Platform } from "../../src/lock/index.ts";
import { baseNames } from "../../src/resolve/base.ts";
import { newestFirst } from "../../src/resolve/index.ts";
import { openIndexes, type PackageIndex, resolveMirrors, solve } from "../../src/sources/debian/index.ts";
import { findNpmVersions } from "../../src/sources/npm/index.ts";

const architectures = ["amd64", "arm64"];
const platforms: readonly Platform[] = ["linux/amd64", "linux/arm64"];
const suites: readonly (readonly [DebianSuite, string, Readonly<Record<string, RegExp>>])[] = [
  [
    "bullseye",
    "11",
    {
      go: /^1\.15\./,
      java: /^17\./,
      node: /^12\./,
      php: /^7\.4\./,
      python: /^3\.9\./,
      ruby: /^2\.7\./,
      rust: /^1\.48\./,
    },
  ],
  [
    "bookworm",
    "12",
    {
      go: /^1\.19\./,
      java: /^17\./,
      node: /^18\./,
      php: /^8\.2\./,
      python: /^3\.11\./,
      ruby: /^3\.1\./,
      rust: /^1\.63\./,
    },
  ],
  [
    "trixie",
    "13",
    {
      go: /^1\.24\./,
      java: /^25\./,
      node: /^20\./,
      php: /^8\.4\./,
      python: /^3\.13\./,
      ruby: /^3\.3\./,
      rust: /^1\.85\./,
    },
  ],
];

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "devenv-test-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe.each(suites)(
  "toolchains of Debian %s, as this host reaches its archive",
  (suite, version, expected) => {
    let indexes: Map<Platform, PackageIndex>;
    const facts: BaseFacts = { distribution: "debian", codename: suite, version, libc: "glibc" };

    beforeAll(async () => {
      const found = await openIndexes(suite, architectures, { store: { root }, mirrors: resolveMirrors() });
      indexes = new Map([...found].map(([architecture, index]) => [`linux/${architecture}`, index]));
    });

    const lock = (languages: Configuration["languages"]): Promise<Map<Platform, LockedToolchain[]>> => {
      const base = { kind: "bootstrap", distribution: "debian", suite } as const;
      const rest = {
        name: "x",
        packages: [],
        layers: [],
        env: {},
        mounts: [],
        limits: {},
        network: "host",
        ports: [],
        hostPorts: [],
        hooks: {},
        tasks: {},
      };
      return lockToolchains({ ...rest, base, platforms, languages } as Configuration, {
        facts: new Map(platforms.map((platform) => [platform, facts])),
        indexes,
        previous: undefined,
        note: () => {},
      });
    };

    test("have the versions that they have, from packages that can be installed", async () => {
      const names = languageNames.filter((name) => languageOf(name)?.distribution !== undefined);
      const request = { version: ">=0", source: "distribution" } as const;
      const locked = await lock(Object.fromEntries(names.map((name) => [name, request])));
      for (const platform of platforms) {
        const index = indexes.get(platform);
        if (index === undefined) throw new Error(`no index for ${platform}`);
        const toolchains = locked.get(platform) ?? [];
        expect(toolchains.map(({ language }) => language)).toEqual(Object.keys(expected));
        const base = solve(index, [...baseNames(index).keys()]);
        for (const { language, packages, version: found } of toolchains) {
          expect(found).toMatch(expected[language] ?? /^$/);
          const installed = solve(index, packages, { installed: base }).map(({ name }) => name);
          expect([...base.map(({ name }) => name), ...installed]).toEqual(
            expect.arrayContaining([...packages]),
          );
        }
      }
    });

    test("need only packages that there are, wherever they come from", () => {
      for (const name of languageNames) {
        for (const needed of languageOf(name)?.packages?.["debian"] ?? []) {
          for (const index of indexes.values()) expect(index.byName(needed)).not.toEqual([]);
        }
      }
    });
  },
);

describe("toolchains of the registries that this host has", () => {
  const facts: BaseFacts = { distribution: "debian", codename: "bookworm", version: "12", libc: "glibc" };
  const lock = async (more: Pick<Configuration, "languages" | "platforms" | "asOf">) => {
    const base = { kind: "image", reference: "debian:bookworm-slim" } as const;
    const rest = {
      name: "x",
      packages: [],
      layers: [],
      env: {},
      mounts: [],
      limits: {},
      network: "host",
      ports: [],
      hostPorts: [],
      hooks: {},
      tasks: {},
    };
    const locked = await lockToolchains({ ...rest, base, ...more } as Configuration, {
      facts: new Map(platforms.map((platform) => [platform, facts])),
      indexes: new Map(),
      previous: undefined,
      note: () => {},
    });
    return [...locked.values()].flat();
  };

  test.each([
    ["node", "18.20", "npm", /^18\.20\./, 2],
    ["deno", "2", "npm", /^2\./, 1],
    ["bun", "1", "npm", /^1\./, 1],
    ["go", "1.25", "goproxy", /^1\.25\./, 1],
  ] as const)("%s %s from %s", async (language, version, source, expected, parts) => {
    const toolchains = await lock({ platforms, languages: { [language]: { version, source } } });
    expect(toolchains).toHaveLength(2);
    expect(new Set(toolchains.map((one) => one.version)).size).toBe(1);
    for (const toolchain of toolchains) {
      expect(toolchain).toMatchObject({ language, source, version: expect.stringMatching(expected) });
      expect(toolchain.parts).toHaveLength(parts);
    }
  });

  const amd64 = ["linux/amd64"] as const;

  test("as of a day, from the proxy", async () => {
    const languages = { go: { version: "1", source: "goproxy" } } as const;
    const [go] = await lock({ platforms: amd64, languages, asOf: "2024-03-17" });
    // 1.22.2 came in April; a proxy lists what was asked for before.
    expect(go?.version).toMatch(/^1\.22\.[01]$/);
  });

  // A company's registry may have times of its own.
  test("as of a day, by the times that the registry has", async () => {
    const all = (await findNpmVersions("@deno/linux-x64-glibc", { withTimes: true }))?.values() ?? [];
    const times = [...all].map(({ version, published = 0 }) => ({ version, published }));
    const sorted = times.sort((a, b) => a.published - b.published);
    const middle = sorted[sorted.length >> 1];
    const asOf = new Date(middle?.published ?? 0).toISOString().slice(0, 10);
    const until = sorted.filter(({ published }) => published <= Date.parse(`${asOf}T23:59:59Z`));
    const [newest] = newestFirst(
      "npm",
      until.map(({ version }) => version),
    );
    const languages = { deno: { version: ">=0", source: "npm" } } as const;
    const [deno] = await lock({ platforms: amd64, languages, asOf });
    expect({ asOf, version: deno?.version }).toEqual({ asOf, version: newest });
    expect(until.length).toBeLessThan(sorted.length);
  });
});
