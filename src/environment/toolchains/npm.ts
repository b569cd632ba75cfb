import semver from "semver";
import { endOfDay } from "../../day.ts";
import type { Placing } from "../../languages/index.ts";
import type { LockedNpmPart } from "../../lock/index.ts";
import { lockedToolchain, newestFirst, placementOf, type Words } from "../../resolve/index.ts";
import { findNpmVersions, type NpmVersion } from "../../sources/npm/index.ts";
import { neededPackages, type OpenOffer, wordsFor } from "./offer.ts";

/** Toolchains whose binaries are packages of the npm registry. */
export const npmOffer: OpenOffer = async (query) => {
  const { asOf, language, platforms, environment, directory, patience } = query;
  const source = language.npm;
  if (source === undefined) throw new Error(`Assertion failed: ${language.name} is not on npm`);
  const options = { environment, directory, patience, withTimes: asOf !== undefined };
  const names = platforms.map(({ architecture, facts }) => {
    const key = facts.libc === "musl" ? `${architecture}-musl` : architecture;
    return Object.hasOwn(source.packages, key) ? source.packages[key] : undefined;
  });
  if (names.includes(undefined)) return "it is not published there for this kind of machine";
  const lists = new Map<string, Map<string, NpmVersion>>();
  for (const name of names) {
    if (name === undefined || lists.has(name)) continue;
    const found = await findNpmVersions(name, options);
    if (found === undefined) return `the registry has no package ${name}`;
    lists.set(name, found);
  }
  return {
    versions: names.map((name) => {
      const all = [...(lists.get(name ?? "")?.values() ?? [])];
      return all.filter((one) => isOfDay(one, asOf)).map(({ version }) => version);
    }),
    ...(asOf === undefined ? {} : { besides: `what was published after ${asOf}` }),
    lock: async (version) => {
      const { companion } = source;
      let second: NpmVersion | undefined;
      if (companion !== undefined) {
        const all = (await findNpmVersions(companion.package, options)) ?? new Map<string, NpmVersion>();
        const released = [...all.values()].filter((one) => isOfDay(one, asOf));
        second = newestThatAccepts(released, companion.engine, version);
        if (second === undefined) return `there is no ${companion.package} for ${version}`;
      }
      return platforms.map((one, position) => {
        const name = names[position] ?? "";
        const first = lists.get(name)?.get(version);
        if (first === undefined) throw new Error(`Assertion failed: ${name} has no ${version}`);
        const words = wordsFor(one, version);
        return lockedToolchain(language, source, words, {
          version,
          source: "npm",
          parts: [
            partOf(name, first, source, words),
            ...(companion === undefined || second === undefined
              ? []
              : [partOf(companion.package, second, companion, words)]),
          ],
          packages: neededPackages(language, one),
        });
      });
    },
  };
};

function isOfDay({ published = Number.POSITIVE_INFINITY }: NpmVersion, asOf: string | undefined): boolean {
  return asOf === undefined || published <= endOfDay(asOf).getTime();
}

/** Which run with a version of what they need: those that say so, the newest. */
function newestThatAccepts(
  versions: readonly NpmVersion[],
  engine: string,
  version: string,
): NpmVersion | undefined {
  const fitting = versions.filter(({ version: own, engines }) => {
    const range = Object.hasOwn(engines, engine) ? engines[engine] : undefined;
    const isRelease = semver.parse(own)?.prerelease.length === 0;
    return isRelease && range !== undefined && semver.satisfies(version, range);
  });
  const [newest] = newestFirst(
    "npm",
    fitting.map((one) => one.version),
  );
  return fitting.find((one) => one.version === newest);
}

function partOf(name: string, found: NpmVersion, placing: Placing, words: Words): LockedNpmPart {
  const { version, integrity, path } = found;
  return { kind: "npm", package: name, version, integrity, path, ...placementOf(placing, words) };
}
