import { createHash } from "node:crypto";
import type { Configuration } from "../config/index.ts";
import { canonicalJson } from "./canonical.ts";
import type { Digest } from "./types.ts";

/** Digest of what decides the resolution: base, packages and platforms, whatever their order in the file. */
export function configurationDigest(configuration: Configuration): Digest {
  const deciding = {
    base: configuration.base,
    packages: [...configuration.packages].sort(),
    platforms: [...configuration.platforms].sort(),
  };
  return `sha256:${createHash("sha256").update(canonicalJson(deciding)).digest("hex")}`;
}
