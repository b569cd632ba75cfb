import type { BaseFacts, Language, Placing, RangeStyle, Surroundings } from "../languages/index.ts";
import type { LockedToolchain } from "../lock/index.ts";
import type { Placement, ToolchainSource } from "../lock/types.ts";
import { newestFirst, parseVersion, semanticVersion } from "./language-version.ts";
import type { VersionRange } from "./version-range.ts";

/** The order of DESIGN section 3. */
const order: readonly ToolchainSource[] = ["distribution", "image", "npm", "goproxy"];

/** The sources that a language has, in the order they are asked. */
export function sourcesOf(language: Language): ToolchainSource[] {
  return order.filter((source) => language[source] !== undefined);
}

/** The versions that fit and that every platform has, the newest first; one that is `preferred` goes before. */
export function fittingVersions(
  language: Language,
  range: VersionRange,
  lists: readonly Iterable<string>[],
  preferred?: string,
): string[] {
  const [first = [], ...others] = lists;
  const sets = others.map((list) => new Set(list));
  const common = [...new Set(first)].filter((version) => sets.every((set) => set.has(version)));
  const fitting = newestFirst(language.ranges, common.filter(range.matches));
  return preferred !== undefined && fitting.includes(preferred)
    ? [preferred, ...fitting.filter((version) => version !== preferred)]
    : fitting;
}

/**
 * What of a list is near a range, for messages: all that begin as the range's first version does, else the newest of
 * the lines on either side of it.
 */
export function nearVersions(language: Language, range: VersionRange, versions: Iterable<string>): string {
  const sorted = newestFirst(language.ranges, versions);
  const [wanted = ""] = /\d+(?:\.\d+)?/.exec(range.text) ?? [];
  const same = sorted.filter((version) => version === wanted || version.startsWith(`${wanted}.`));
  if (wanted !== "" && same.length > 0)
    return same.length <= 4 ? same.join(", ") : `${same.at(-1)} … ${same[0]}`;
  const newestOfLine = new Map<string, string>();
  for (const version of sorted) {
    const line = lineOf(language, version);
    if (!newestOfLine.has(line)) newestOfLine.set(line, version);
  }
  const lines = [...newestOfLine.values()];
  const parts = parseVersion(language.ranges, wanted);
  if (parts === undefined) return lines.slice(0, 4).join(", ");
  const place = newestFirst(language.ranges, [...lines, fullVersion(language, wanted)]).indexOf(
    fullVersion(language, wanted),
  );
  return lines.slice(Math.max(0, place - 2), place + 2).join(", ");
}

function fullVersion(language: Language, text: string): string {
  return language.ranges === "npm" ? `${text}.0.0`.split(".").slice(0, 3).join(".") : text;
}

/** Releases that people think of as one: of Node.js and Java those with one number in common, else with two. */
export function lineOf(language: Language, version: string): string {
  const key = semanticVersion(language.ranges, version) ?? version;
  const count = language.ranges === "npm" || language.ranges === "java" ? 1 : 2;
  return key.split(".").slice(0, count).join(".");
}

/** What the words in braces stand for. */
export type Words = Readonly<Record<string, string>>;

/** Fills in words in braces. */
export function expand(text: string, words: Words): string {
  return text.replace(/\{(\w+)\}/g, (whole, word: string) => {
    const value = words[word];
    if (value === undefined) throw new Error(`Assertion failed: nothing stands for ${whole}`);
    return value;
  });
}

/** The placement of a source as the lock has it. */
export function placementOf({ maps, links, executables }: Placing, words: Words): Placement {
  return {
    maps: maps.map(({ from, to }) => ({ from: expand(from, words), to: expand(to, words) })),
    ...(links === undefined ? {} : { links }),
    ...(executables === undefined ? {} : { executables }),
  };
}

/** `x86_64-unknown-linux-gnu` for a platform, as compilers call it. */
export function tripleOf(architecture: string, { libc }: BaseFacts): string {
  const machine = { amd64: "x86_64", arm64: "aarch64" }[architecture] ?? architecture;
  return `${machine}-unknown-linux-${libc === "musl" ? "musl" : "gnu"}`;
}

export interface ToolchainContent extends Pick<LockedToolchain, "version" | "source" | "parts"> {
  /** Names of packages, in any order. */
  readonly packages: readonly string[];
}

/** One toolchain as the lock has it: what the language says of all sources, and of this one. */
export function lockedToolchain(
  language: Language,
  surroundings: Surroundings,
  words: Words,
  content: ToolchainContent,
): LockedToolchain {
  const { optional } = language;
  const variables = [language, surroundings]
    .flatMap((one) => [one.variables ?? {}, ...variablesBefore(one, language.ranges, content.version)])
    .flatMap((one) => Object.entries(one));
  return {
    language: language.name,
    version: content.version,
    source: content.source,
    parts: content.parts,
    packages: [...new Set(content.packages)].sort(),
    path: [...(language.path ?? []), ...(surroundings.path ?? [])].map((one) => expand(one, words)),
    variables: Object.fromEntries(variables.map(([name, value]) => [name, expand(value, words)])),
    check: language.check,
    ...(optional === undefined || content.source === "distribution" ? {} : { optional }),
  };
}

function variablesBefore(
  { variablesBefore: all = {} }: Surroundings,
  style: RangeStyle,
  version: string,
): Readonly<Record<string, string>>[] {
  return Object.entries(all)
    .filter(([bound]) => bound !== version && newestFirst(style, [version, bound])[0] === bound)
    .map(([, variables]) => variables);
}
