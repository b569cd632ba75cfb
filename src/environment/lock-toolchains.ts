import type { Configuration, LanguageRequest } from "../config/index.ts";
import { endOfDay } from "../day.ts";
import { DevenvError } from "../errors.ts";
import { type BaseFacts, type Language, languageOf } from "../languages/index.ts";
import {
  baseTitle,
  type Lock,
  type LockedPlatform,
  type LockedToolchain,
  lockedPackages,
  type Platform,
} from "../lock/index.ts";
import {
  fittingVersions,
  isDistributionVersion,
  nearVersions,
  parseVersionRange,
  sourcesOf,
  type VersionRange,
} from "../resolve/index.ts";
import type { PackageIndex } from "../sources/debian/index.ts";
import type { Environment } from "../sources/settings.ts";
import type { Patience } from "../store/index.ts";
import { distributionOffer } from "./toolchains/distribution.ts";
import { goproxyOffer } from "./toolchains/goproxy.ts";
import { imageOffer } from "./toolchains/image.ts";
import { npmOffer } from "./toolchains/npm.ts";
import type { Offer, OpenOffer, Query } from "./toolchains/offer.ts";
import { releasedBy } from "./toolchains/released.ts";

export interface ToolchainInputs {
  /** For every platform of the configuration. */
  readonly facts: ReadonlyMap<Platform, BaseFacts>;
  /** For every platform whose base has packages. */
  readonly indexes: ReadonlyMap<Platform, PackageIndex>;
  /** What may stay as it is. */
  readonly previous: Lock | undefined;
  /** Told, in one line, what the user should know of: a source that cannot be reached. */
  note(text: string): void;
  /** The project's directory, which may have an `.npmrc`. */
  readonly directory?: string;
  /** Where settings are looked for; the process's own unless given. */
  readonly environment?: Environment;
  readonly patience?: Partial<Patience>;
}

type Source = LockedToolchain["source"];

const offers: Readonly<Record<Source, OpenOffer>> = {
  distribution: distributionOffer,
  image: imageOffer,
  npm: npmOffer,
  goproxy: goproxyOffer,
};

/** Of one source, not more versions than this are looked at before the next source's turn. */
const triesAtMost = 8;

/**
 * Chooses the toolchains of all platforms: the newest version of each language that fits and that every platform can
 * have, from the first source that has one. Only lists of versions are read. What `previous` has stays as long as it
 * fits the request and the base. Sorted by language.
 *
 * A source that cannot be reached is passed over with a note.
 *
 * @throws DevenvError `DEVENV_LANGUAGE_RANGE`, `DEVENV_LANGUAGE_UNAVAILABLE` when no source has a version that fits, and
 * what sources throw whose answers make no sense.
 */
export async function lockToolchains(
  configuration: Configuration,
  inputs: ToolchainInputs,
): Promise<Map<Platform, LockedToolchain[]>> {
  const chosen = new Map<Platform, LockedToolchain[]>(configuration.platforms.map((one) => [one, []]));
  const requests = Object.entries(configuration.languages).sort(([a], [b]) => (a < b ? -1 : 1));
  // Wrong ranges first: nothing is asked of anybody for them.
  const ranges = requests.map(([name, request]) => parseVersionRange(languageCalled(name), request.version));
  for (const [index, [name, request]] of requests.entries()) {
    const range = ranges[index];
    if (range === undefined) continue;
    const toolchains = await lockLanguage(languageCalled(name), request, range, configuration, inputs);
    configuration.platforms.forEach((platform, position) => {
      const toolchain = toolchains[position];
      if (toolchain !== undefined) chosen.get(platform)?.push(toolchain);
    });
  }
  return chosen;
}

function languageCalled(name: string): Language {
  const language = languageOf(name);
  if (language === undefined) throw new Error(`Assertion failed: there is no language ${name}`);
  return language;
}

async function lockLanguage(
  language: Language,
  request: LanguageRequest,
  range: VersionRange,
  configuration: Configuration,
  inputs: ToolchainInputs,
): Promise<readonly LockedToolchain[]> {
  const query = queryFor(language, range, configuration, inputs);
  const locked = query.platforms.flatMap(({ previous }) => previous ?? []);
  const usable = locked.filter(
    ({ source, version }) => range.matches(version) && (request.source ?? source) === source,
  );
  const [first] = usable;
  const keeps = usable.every((one) => one.version === first?.version && one.source === first.source);
  const previous = keeps ? first : undefined;
  if (previous !== undefined && usable.length === query.platforms.length) return usable;
  const passedOver: PassedOver[] = [];
  for (const source of orderFor(language, request, previous)) {
    const outcome = await askSource(source, request, query, previous, inputs);
    if (!("source" in outcome)) return outcome.toolchains;
    passedOver.push(outcome);
  }
  throw unavailable(language, request, range, query, passedOver);
}

/** The source of the lock goes before those that would be asked first for something new. */
function orderFor(
  language: Language,
  request: LanguageRequest,
  previous: LockedToolchain | undefined,
): readonly Source[] {
  if (request.source !== undefined) return [request.source];
  const sources = sourcesOf(language);
  return previous === undefined
    ? sources
    : [previous.source, ...sources.filter((one) => one !== previous.source)];
}

function queryFor(
  language: Language,
  range: VersionRange,
  configuration: Configuration,
  { directory, environment = process.env, facts, indexes, patience, previous }: ToolchainInputs,
): Query {
  const base = baseTitle(configuration.base);
  return {
    language,
    range,
    asOf: configuration.asOf,
    environment,
    directory,
    patience,
    platforms: configuration.platforms.map((platform) => {
      const ofBase = facts.get(platform);
      if (ofBase === undefined)
        throw new Error(`Assertion failed: nothing is known of the base on ${platform}`);
      const index = indexes.get(platform);
      const locked = previous?.platforms[platform];
      return {
        platform,
        architecture: platform.split("/")[1] ?? "",
        facts: ofBase,
        index,
        previous: previousOn(language, base, locked, ofBase, index),
      };
    }),
  };
}

/** The locked toolchain that may stay: on the same base, and for packages those of the lock. */
function previousOn(
  language: Language,
  base: string,
  locked: LockedPlatform | undefined,
  { distribution }: BaseFacts,
  index: PackageIndex | undefined,
): LockedToolchain | undefined {
  if (locked === undefined || baseTitle(locked.base) !== base) return undefined;
  const toolchain = locked.toolchains?.find((one) => one.language === language.name);
  if (toolchain?.source !== "distribution") return toolchain;
  const source = language.distribution?.[distribution];
  if (source === undefined || index === undefined) return undefined;
  const packages = lockedPackages(locked);
  return isDistributionVersion(source, index, packages, toolchain.version) ? toolchain : undefined;
}

/** Why a source is not the one. */
interface PassedOver {
  readonly source: Source;
  readonly reason: string;
  readonly cause?: unknown;
}

async function askSource(
  source: Source,
  request: LanguageRequest,
  query: Query,
  previous: LockedToolchain | undefined,
  inputs: ToolchainInputs,
): Promise<PassedOver | { readonly toolchains: readonly LockedToolchain[] }> {
  const { language, range } = query;
  if (language[source] === undefined) return { source, reason: `${language.name} cannot be had there` };
  if (source === "distribution" && range.newest && request.source === undefined) {
    return {
      source,
      reason: `has one version only, which tells nothing about ${JSON.stringify(range.text)}`,
    };
  }
  try {
    const offer = await offers[source](query);
    if (typeof offer === "string") return { source, reason: offer };
    const fitting = fittingVersions(language, range, offer.versions, previous?.version);
    const reasons: string[] = [];
    for await (const version of ofTheDay(offer, fitting, query)) {
      const toolchains = await offer.lock(version);
      if (typeof toolchains !== "string") return { toolchains };
      if (reasons.push(`${version} (${toolchains})`) === triesAtMost) break;
    }
    if (reasons.length > 0) return { source, reason: reasons.slice(0, 3).join(", ") };
    const { asOf } = query;
    if (asOf !== undefined && fitting.length > 0)
      return { source, reason: `none of ${nearVersions(language, range, fitting)} was there on ${asOf}` };
    const all = [...new Set(offer.versions.flat())];
    const near = nearVersions(language, range, all) || "nothing for this base";
    return { source, reason: offer.besides === undefined ? near : `${near}; also ${offer.besides}` };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const [reason = ""] = error.message.split("\n");
    if (request.source === undefined)
      inputs.note(`${language.name}: the source "${source}" is passed over: ${reason}`);
    return { source, reason, cause: error };
  }
}

/** The versions of an offer that were there on the day that is asked for. */
function ofTheDay(
  offer: Offer,
  fitting: readonly string[],
  { asOf, language }: Query,
): Iterable<string> | AsyncIterable<string> {
  const { releasedAt } = offer;
  if (asOf === undefined || releasedAt === undefined) return fitting;
  return releasedBy(language, fitting, releasedAt, endOfDay(asOf).getTime());
}

/** The source does not answer, or not to us; an answer that is wrong is another matter. */
const unreachable: readonly string[] = [
  "DEVENV_REGISTRY_UNAVAILABLE",
  "DEVENV_REGISTRY_RATE_LIMIT",
  "DEVENV_REGISTRY_UNAUTHORIZED",
  "DEVENV_REGISTRY_DENIED",
  "DEVENV_REGISTRY_NOT_FOUND",
  "DEVENV_REGISTRY_REFUSED",
  "DEVENV_REGISTRY_TOKEN",
  "DEVENV_NPM_UNAVAILABLE",
  "DEVENV_GOPROXY_UNAVAILABLE",
];

function isUnreachable(error: unknown): error is DevenvError {
  return error instanceof DevenvError && unreachable.includes(error.code);
}

function unavailable(
  language: Language,
  request: LanguageRequest,
  range: VersionRange,
  { platforms }: Query,
  passedOver: readonly PassedOver[],
): DevenvError {
  const base = platforms[0]?.facts;
  const names = platforms.map(({ platform }) => platform).join(" and ");
  const place = [base?.distribution, base?.codename || base?.version].filter(Boolean).join(" ");
  const from =
    request.source === undefined ? "no source has" : `the source "${request.source}" does not have`;
  const lines = passedOver.map(({ source, reason }) => `${source}: ${reason}`);
  const cause = passedOver.find((one) => one.cause !== undefined)?.cause;
  return new DevenvError(
    "DEVENV_LANGUAGE_UNAVAILABLE",
    [
      `${language.name} ${JSON.stringify(range.text)}: ${from} it for ${place || "this base"} on ${names}`,
      ...lines,
    ].join("\n  "),
    {
      hint:
        cause instanceof DevenvError && cause.hint !== undefined
          ? `${cause.hint} Or ask for another version, or take another base.`
          : "Ask for another version, or take another base.",
      about: [`languages.${language.name}`],
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
