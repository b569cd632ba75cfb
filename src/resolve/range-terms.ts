import semver from "semver";
import type { RangeStyle } from "../languages/index.ts";
import { lowest, parseVersion, semanticVersion, type VersionParts } from "./language-version.ts";

type Style = Exclude<RangeStyle, "npm">;

/** What an operator makes of a version: comparators of the package semver, which hold together. */
type Operator = (style: Style, version: VersionParts) => string | undefined;

const atLeast: Operator = (style, version) => `>=${lowest(style, version)}`;
const below: Operator = (style, version) => `<${lowest(style, version)}-0`;

/** From the version on, as long as it begins with its first `count` numbers, of which the last may grow. */
function upTo(count: number): Operator {
  return (style, version) => {
    const kept = version.numbers.slice(0, Math.max(count, 1));
    return `>=${lowest(style, version)} <${lowest(style, { numbers: next(kept) })}-0`;
  };
}

const beginsWith: Operator = (style, version) =>
  version.prerelease === undefined
    ? upTo(version.numbers.length)(style, version)
    : `=${lowest(style, version)}`;
const exactly: Operator = (style, version) => `=${lowest(style, version)}`;
/** All but the last number stay: `~> 3.2` (RubyGems), `~=3.9` (PEP 440), `~8.1` (Composer). */
const pessimistic: Operator = (style, version) => upTo(version.numbers.length - 1)(style, version);
/** PEP 440 has no "~=3". */
const compatible: Operator = (style, version) =>
  version.numbers.length < 2 ? undefined : pessimistic(style, version);

const lessThanNext: Operator = (style, { numbers }) => `<${lowest(style, { numbers: next(numbers) })}-0`;
const above: Operator = (style, version) => `>${lowest(style, version)}`;
const atMost: Operator = (style, version) => `<=${lowest(style, version)}`;
const sameMajor = upTo(1);
const sameMinor: Operator = (style, version) => upTo(Math.min(version.numbers.length, 2))(style, version);

/** npm's, where a comparison with part of a version is one with all versions that begin so. */
const ofNpm: Readonly<Record<string, Operator>> = {
  "": beginsWith,
  "=": beginsWith,
  "==": beginsWith,
  "^": sameMajor,
  "~": sameMinor,
  ">=": atLeast,
  "<": below,
  ">": (style, version) =>
    version.prerelease === undefined
      ? `>=${lowest(style, { numbers: next(version.numbers) })}`
      : above(style, version),
  "<=": (style, version) =>
    version.prerelease === undefined ? lessThanNext(style, version) : atMost(style, version),
};

/** Elsewhere what is missing of a version is 0. */
const padded: Readonly<Record<string, Operator>> = {
  "": beginsWith,
  ">=": atLeast,
  "<": below,
  ">": above,
  "<=": atMost,
};

interface Grammar {
  readonly operators: Readonly<Record<string, Operator>>;
  /** Between alternatives. */
  readonly or?: RegExp;
  /** `8.0 - 8.2` */
  readonly hyphen?: boolean;
}

const either = /\|\|/;
const npmLike: Grammar = { operators: ofNpm, or: either, hyphen: true };

const grammars: Readonly<Record<Style, Grammar>> = {
  go: npmLike,
  rust: npmLike,
  java: npmLike,
  // PEP 440, and what Poetry adds to it.
  python: {
    operators: {
      ...padded,
      "==": exactly,
      "===": exactly,
      "~=": compatible,
      "^": sameMajor,
      "~": sameMinor,
    },
    or: either,
  },
  ruby: { operators: { ...padded, "=": exactly, "~>": pessimistic } },
  composer: {
    operators: { ...padded, "=": exactly, "==": exactly, "^": sameMajor, "~": pessimistic },
    or: /\|\|?/,
    hyphen: true,
  },
};

/**
 * Reads a range of another style than npm's: alternatives of terms that hold together, each an operator and a version,
 * whose end may be `*` or `x`. Undefined for what is none.
 */
export function readTerms(style: Style, text: string): ((version: string) => boolean) | undefined {
  const { or } = grammars[style];
  const alternatives = (or === undefined ? [text] : text.split(or)).map((part) =>
    readAll(style, part.trim()),
  );
  if (alternatives.some((alternative) => alternative === undefined)) return undefined;
  return (version) => {
    const key = semanticVersion(style, version);
    return key !== undefined && alternatives.some((alternative) => alternative?.(key) === true);
  };
}

const term = /\s*([<>=~^!]*)\s*([^\s,<>=~^!]+)\s*(?:,(?!\s*$))?/y;

function readAll(style: Style, text: string): ((key: string) => boolean) | undefined {
  const { hyphen } = grammars[style];
  const [, from, to] = hyphen === true ? (/^(\S+)\s+-\s+(\S+)$/.exec(text) ?? []) : [];
  const whole = from === undefined ? text : `>=${from} <=${to}`;
  const comparators: string[] = [];
  const excluded: string[] = [];
  term.lastIndex = 0;
  if (whole === "") return undefined;
  while (term.lastIndex < whole.length) {
    const found = term.exec(whole);
    if (found === null) return undefined;
    const [, operator = "", version = ""] = found;
    const isNot = operator === "!=";
    const read = readTerm(
      style,
      isNot ? (style === "python" ? "==" : "=") : operator,
      version,
      from !== undefined,
    );
    if (read === undefined) return undefined;
    (isNot ? excluded : comparators).push(read);
  }
  const range = comparators.length === 0 ? "*" : comparators.join(" ");
  return (key) => semver.satisfies(key, range) && !excluded.some((one) => semver.satisfies(key, one));
}

function readTerm(style: Style, operator: string, text: string, hyphen: boolean): string | undefined {
  const [, begin = text, star] = /^(.*?)\.?([*x])$/i.exec(text) ?? [];
  const operators = hyphen ? ofNpm : grammars[style].operators;
  if (!Object.hasOwn(operators, operator)) return undefined;
  if (star !== undefined && !["", "=", "==", "==="].includes(operator)) return undefined;
  if (star !== undefined && begin === "") return "*";
  const version = parseVersion(style, begin);
  if (version === undefined) return undefined;
  return (star === undefined ? operators[operator] : beginsWith)?.(style, version);
}

function next(numbers: readonly number[]): number[] {
  return numbers.map((number, index) => (index === numbers.length - 1 ? number + 1 : number));
}
