import { createHash, type Hash } from "node:crypto";
import { registryError } from "./errors.ts";
import { quoteForeign } from "./redact.ts";
import type { Descriptor, Digest } from "./types.ts";

/** The registered algorithms (OCI image specification, descriptor.md) and the length of their digests in digits. */
const algorithms = { sha256: 64, sha512: 128 } as const;

export function isDigest(value: unknown): value is Digest {
  const match = typeof value === "string" ? /^(sha256|sha512):([0-9a-f]+)$/.exec(value) : null;
  return match !== null && match[2]?.length === algorithms[match[1] as keyof typeof algorithms];
}

/**
 * @throws DevenvError `DEVENV_REGISTRY_DIGEST` for what is no SHA-256 or SHA-512 digest.
 */
export function parseDigest(value: unknown, where: string): Digest {
  if (isDigest(value)) return value;
  const found = quoteForeign(JSON.stringify(value) ?? "nothing", 160);
  throw registryError("DEVENV_REGISTRY_DIGEST", `${where}: ${found} is no sha256 or sha512 digest`);
}

export function digestOf(bytes: Uint8Array, like: Digest = "sha256:"): Digest {
  return finish(hashFor(like).update(bytes), like);
}

/** A new hash of the digest's algorithm, for {@link finish}. */
export function hashFor(digest: Digest): Hash {
  return createHash(digest.startsWith("sha512:") ? "sha512" : "sha256");
}

export function finish(hash: Hash, like: Digest): Digest {
  const digits = hash.digest("hex");
  return like.startsWith("sha512:") ? `sha512:${digits}` : `sha256:${digits}`;
}

/**
 * Checks content against what it is known by, size first.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE` or `DEVENV_REGISTRY_DIGEST`
 */
export function verify(
  bytes: Uint8Array,
  expected: Pick<Descriptor, "digest" | "size">,
  where: string,
): void {
  if (bytes.length !== expected.size) {
    throw registryError(
      "DEVENV_REGISTRY_SIZE",
      `${where}: ${expected.digest} has ${bytes.length} bytes there instead of ${expected.size}`,
    );
  }
  verifyDigest(bytes, expected.digest, where);
}

/**
 * @throws DevenvError `DEVENV_REGISTRY_DIGEST`
 */
export function verifyDigest(bytes: Uint8Array, expected: Digest, where: string): void {
  const actual = digestOf(bytes, expected);
  if (actual === expected) return;
  throw registryError("DEVENV_REGISTRY_DIGEST", `${where}: ${expected} has another digest there: ${actual}`);
}
