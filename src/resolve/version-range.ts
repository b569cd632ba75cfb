import semver from "semver";
import { DevenvError } from "../errors.ts";
import type { Language, Line, RangeStyle } from "../languages/index.ts";
import { parseVersion, semanticVersion } from "./language-version.ts";
import { readTerms } from "./range-terms.ts";

/** What a configuration asks of a language's version. */
export interface VersionRange {
  /** As the configuration has it. */
  readonly text: string;
  /** Asks for the newest of all: only a source that lists every version can tell which that is. */
  readonly newest: boolean;
  /** The one version that fits, when the range is one. */
  readonly exact?: string;
  /** Whether a version fits; never for what is no version. Releases to come fit only where the range names one. */
  matches(version: string): boolean;
}

/**
 * Reads a range as the language's users write it. A bare version stands for the newest that begins with it, in every
 * language: `3.9` is the newest 3.9.z. A word stands for what the language says it does, `latest` for the newest.
 *
 * @throws DevenvError `DEVENV_LANGUAGE_RANGE`
 */
export function parseVersionRange(language: Language, text: string): VersionRange {
  const word = text.trim().toLowerCase();
  const refused = own(language.refused, word) ?? dated(language, word);
  if (refused !== undefined) throw wrongRange(language, text, refused);
  const named = word === "latest" ? "newest" : own(language.words, word);
  if (named !== undefined) return namedRange(language.ranges, text, named === "newest" ? undefined : named);
  const bare = text.trim().replace(prefixes[language.ranges], "");
  const matches =
    language.ranges === "npm" ? npmRange(bare) : bare === "" ? undefined : readTerms(language.ranges, bare);
  if (matches === undefined) throw wrongRange(language, text);
  const exact = exactVersion(language.ranges, bare);
  return { text, newest: false, matches, ...(exact === undefined ? {} : { exact }) };
}

/** What users put before a version in the files of other tools. */
const prefixes: Readonly<Record<RangeStyle, RegExp>> = {
  npm: /^v(?=\d)/,
  python: /^c?python-?(?=\d)/,
  go: /^go(?=\d)/,
  rust: /^$/,
  java: /^(?:temurin|openjdk|jdk)-?(?=\d)/,
  ruby: /^ruby-(?=\d)/,
  composer: /^v(?=\d)/,
};

/** `nightly-2024-01-01` is refused as `nightly` is. */
function dated(language: Language, word: string): string | undefined {
  const [, name] = /^([a-z]+)-\d/.exec(word) ?? [];
  return name === undefined ? undefined : own(language.refused, name);
}

function namedRange(style: RangeStyle, text: string, lines: readonly Line[] | undefined): VersionRange {
  return {
    text,
    newest: true,
    matches: (version) => {
      const key = semanticVersion(style, version);
      if (key === undefined || key.includes("-")) return false;
      return lines?.some((line) => isOfLine(key, line)) ?? true;
    },
  };
}

function isOfLine(key: string, { line, from }: Line): boolean {
  return semver.satisfies(key, from === undefined ? line : `>=${from} ${line}`);
}

function npmRange(text: string): ((version: string) => boolean) | undefined {
  // An empty range means any version to npm; here it is a mistake.
  const range = text === "" ? null : semver.validRange(text);
  return range === null ? undefined : (version) => semver.satisfies(version, range);
}

function exactVersion(style: RangeStyle, text: string): string | undefined {
  const version = text.replace(/^={1,3}\s*/, "");
  if (style === "npm") return semver.valid(version) ?? undefined;
  const parts = parseVersion(style, version);
  const full = style === "java" ? 5 : 3;
  return parts !== undefined && (parts.numbers.length >= full || parts.prerelease !== undefined)
    ? version
    : undefined;
}

/** Examples for people, of ranges that are common among them. */
const examples: Readonly<Record<RangeStyle, readonly string[]>> = {
  npm: ["18", "^18.17", ">=18 <21"],
  python: ["3.9", ">=3.9,<3.12", "~=3.9.2", "==3.9.*"],
  go: ["1.22", "1.22.5", ">=1.21"],
  rust: ["1.75", "1.75.0", ">=1.70"],
  java: ["17", "17.0.9+9", ">=17 <22"],
  ruby: ["3.2", "~> 3.2", ">= 3.1, < 3.4"],
  composer: ["8.1", "^8.1", "~8.1.3", "8.1.* || 8.2.*"],
};

function wrongRange(language: Language, text: string, reason?: string): DevenvError {
  const words = ["latest", ...Object.keys(language.words)];
  const forms = [...examples[language.ranges], ...words].map((form) => JSON.stringify(form)).join(", ");
  const found = `languages.${language.name}: found ${JSON.stringify(text)}`;
  return new DevenvError(
    "DEVENV_LANGUAGE_RANGE",
    reason === undefined ? `${found}, expected versions such as ${forms}` : `${found}: ${reason}`,
    {
      usage: true,
      about: [`languages.${language.name}`],
      ...(reason === undefined ? {} : { hint: `Expected versions such as ${forms}.` }),
    },
  );
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
