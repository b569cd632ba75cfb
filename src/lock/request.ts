import type { Configuration } from "../config/index.ts";
import { baseTitle } from "./base-title.ts";
import { canonicalJson } from "./canonical.ts";
import type { LockRequest } from "./types.ts";

/** What of a configuration decides the resolution, whatever its order in the file. */
export function requestOf(configuration: Configuration): LockRequest {
  const { asOf, base, languages, packages, platforms } = configuration;
  return {
    base: baseTitle(base),
    ...(asOf === undefined ? {} : { asOf }),
    ...(Object.keys(languages).length === 0 ? {} : { languages }),
    packages: [...packages].sort(),
    platforms: [...platforms].sort(),
  };
}

export function isSameRequest(one: LockRequest, other: LockRequest): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

/** In what a request is not the one that was locked, one line each; empty when it is. */
export function requestDifferences(locked: LockRequest, wanted: LockRequest): string[] {
  const [day = "today", oldDay = "today"] = [wanted.asOf, locked.asOf];
  return [
    ...(day === oldDay ? [] : [`asked for is what there was as of ${day}, locked as of ${oldDay}`]),
    ...listDifferences("platform", locked.platforms, wanted.platforms),
    ...(wanted.base === locked.base ? [] : [`the base is ${wanted.base}, locked is ${locked.base}`]),
    ...languageDifferences(locked.languages ?? {}, wanted.languages ?? {}),
    ...listDifferences("package", locked.packages, wanted.packages),
  ];
}

function listDifferences(kind: string, locked: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...wanted.filter((one) => !locked.includes(one)).map((one) => `${kind} ${one} is not locked`),
    ...locked
      .filter((one) => !wanted.includes(one))
      .map((one) => `${kind} ${one} is locked and no longer asked for`),
  ];
}

type Languages = NonNullable<LockRequest["languages"]>;

function languageDifferences(locked: Languages, wanted: Languages): string[] {
  const both = Object.keys(wanted).filter((name) => Object.hasOwn(locked, name));
  return [
    ...listDifferences("language", Object.keys(locked), Object.keys(wanted)),
    ...both.flatMap((name) => {
      const [old, now] = [locked[name], wanted[name]].map((one) =>
        one === undefined ? "" : `${one.version}${one.source === undefined ? "" : ` from ${one.source}`}`,
      );
      return old === now ? [] : [`language ${name}: ${now} is asked for, locked for ${old}`];
    }),
  ];
}
