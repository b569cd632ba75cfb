import type { BaseFacts, Language } from "../../languages/index.ts";
import type { LockedToolchain, Platform } from "../../lock/index.ts";
import { tripleOf, type VersionRange, type Words } from "../../resolve/index.ts";
import type { PackageIndex } from "../../sources/debian/index.ts";
import type { Environment } from "../../sources/settings.ts";
import type { Patience } from "../../store/index.ts";

/** What a source is asked. */
export interface Query {
  readonly language: Language;
  readonly range: VersionRange;
  readonly platforms: readonly QueryPlatform[];
  /** The day as of whose end versions count, when not those of today do. */
  readonly asOf?: string | undefined;
  /** Where the settings of registries and proxies are looked for. */
  readonly environment: Environment;
  /** The project's, which may have settings of its own. */
  readonly directory?: string | undefined;
  readonly patience?: Partial<Patience> | undefined;
}

export interface QueryPlatform {
  readonly platform: Platform;
  /** As OCI and Debian call it: `amd64`. */
  readonly architecture: string;
  readonly facts: BaseFacts;
  /** Absent for a base without packages. */
  readonly index?: PackageIndex | undefined;
  /** What the lock has of the language, when it may stay. */
  readonly previous?: LockedToolchain | undefined;
}

/** What a source has for a query. */
export interface Offer {
  /** The versions that each platform can have, one list for each. */
  readonly versions: readonly (readonly string[])[];
  /** What it has besides and why that does not do, for messages. */
  readonly besides?: string | undefined;
  /**
   * When a version was there for all platforms, in milliseconds since 1970: at that time or before; only asked when the
   * query has a day. Absent where the versions are those of the day already.
   */
  releasedAt?(version: string): Promise<number>;
  /**
   * One toolchain for each platform, in the order of the query; a sentence when the version cannot be had after all.
   */
  lock(version: string): Promise<readonly LockedToolchain[] | string>;
}

/** A sentence says why the source has nothing at all for the query. */
export type OpenOffer = (query: Query) => Promise<Offer | string>;

/** What words in braces stand for on a platform. */
export function wordsFor({ architecture, facts }: QueryPlatform, version: string): Words {
  return { version, architecture, triple: tripleOf(architecture, facts) };
}

/** Packages that the language does not work without, where the base has packages at all. */
export function neededPackages(
  { packages = {} }: Language,
  { facts, index }: QueryPlatform,
): readonly string[] {
  if (index === undefined || !Object.hasOwn(packages, facts.distribution)) return [];
  return packages[facts.distribution] ?? [];
}
