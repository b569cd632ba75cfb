import { createHash } from "node:crypto";
import type { Configuration } from "../config/index.ts";
import { canonicalJson } from "./canonical.ts";
import type { Digest } from "./types.ts";

/** Digest of what decides the resolution: base, day, languages, packages and platforms, whatever their order in the file. */
export function configurationDigest(configuration: Configuration): Digest {
  const deciding = {
    base: configuration.base,
    ...(configuration.asOf === undefined ? {} : { asOf: configuration.asOf }),
    // A configuration without languages has the digest that it had before there were any.
    ...(Object.keys(configuration.languages).length === 0 ? {} : { languages: configuration.languages }),
    packages: [...configuration.packages].sort(),
    platforms: [...configuration.platforms].sort(),
  };
  return `sha256:${createHash("sha256").update(canonicalJson(deciding)).digest("hex")}`;
}
