import semver from "semver";
import type { RangeStyle } from "../languages/index.ts";

/** A version taken apart. */
export interface VersionParts {
  /** At least one; in Java's order: feature, interim, update, patch, build. */
  readonly numbers: readonly number[];
  /** As npm would write it: `rc.1`. */
  readonly prerelease?: string;
}

/** Java counts two numbers more than there is room for; no update had a patch or a build above 999. */
const room = 1000;

/** How the styles write versions; the groups are the numbers and what comes before a release. */
const common = /^(\d{1,9}(?:\.\d{1,9}){0,2})(?:[-._]?(a|alpha|b|beta|c|rc|pre|preview)[.-]?(\d{1,9}))?$/i;

const prereleaseNames: Readonly<Record<string, string>> = {
  a: "alpha",
  alpha: "alpha",
  b: "beta",
  beta: "beta",
  c: "rc",
  rc: "rc",
  pre: "preview",
  preview: "preview",
};

/** Undefined for what is no version in this style; it need not be a full one. */
export function parseVersion(style: RangeStyle, text: string): VersionParts | undefined {
  if (style === "java") return parseJava(text);
  const [, numbers, name, number] = common.exec(text) ?? [];
  if (numbers === undefined) return undefined;
  const prerelease = name === undefined ? undefined : prereleaseNames[name.toLowerCase()];
  return {
    numbers: numbers.split(".").map(Number),
    ...(prerelease === undefined ? {} : { prerelease: `${prerelease}.${Number(number)}` }),
  };
}

/**
 * A semantic version that sorts as the version does; undefined for what is none. What is missing of it counts as 0, as
 * in Go's 1.20.
 */
export function semanticVersion(style: RangeStyle, version: string): string | undefined {
  if (style === "npm") return semver.valid(version) ?? undefined;
  const parts = parseVersion(style, version);
  return parts === undefined ? undefined : lowest(style, parts);
}

/** The lowest semantic version that begins with these parts. */
export function lowest(style: RangeStyle, { numbers, prerelease }: VersionParts): string {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = numbers;
  const last = style === "java" ? (third * room + fourth) * room + fifth : third;
  return `${first}.${second}.${last}${prerelease === undefined ? "" : `-${prerelease}`}`;
}

/** The versions of which some are no versions in this style, without those, the newest first. */
export function newestFirst(style: RangeStyle, versions: Iterable<string>): string[] {
  return [...versions]
    .flatMap((version) => {
      const key = semanticVersion(style, version);
      return key === undefined ? [] : [{ version, key }];
    })
    .sort((a, b) => semver.compareBuild(b.key, a.key))
    .map(({ version }) => version);
}

/**
 * `17`, `17.0.9`, `17.0.4.1+1` (JEP 322), and Java 8's own ways: `8u422-b05`, `1.8.0_422-b05`, `1.8`. Its updates take
 * the place they took since.
 */
function parseJava(text: string): VersionParts | undefined {
  const eight = /^(?:8u|1\.8\.0_)(\d{1,3})(?:-b(\d{1,3}))?$/.exec(text);
  if (eight !== null) {
    const build = eight[2] === undefined ? [] : [0, Number(eight[2])];
    return { numbers: [8, 0, Number(eight[1]), ...build] };
  }
  if (/^1\.8(?:\.0)?$/.test(text)) return { numbers: [8] };
  const [, numbers, build] = /^(\d{1,3}(?:\.\d{1,3}){0,3})(?:\+(\d{1,3})(?:\.\d+)?)?$/.exec(text) ?? [];
  if (numbers === undefined) return undefined;
  const given = numbers.split(".").map(Number);
  if (build === undefined) return { numbers: given };
  return { numbers: [...given, 0, 0, 0].slice(0, 4).concat(Number(build)) };
}
