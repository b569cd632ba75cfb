import { createHash } from "node:crypto";
import { canonicalJson, type Digest } from "../lock/index.ts";

/**
 * Part of every cache key: raised when the same plan begins to give other bytes, that is, when unpacking, the sandbox
 * or packing changes what a layer looks like.
 */
export const layerFormat = 1;

/** The digest of everything that decides a layer. */
export function digestOf(value: unknown): Digest {
  return `sha256:${createHash("sha256").update(canonicalJson(value)).digest("hex")}`;
}
