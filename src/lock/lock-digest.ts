import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical.ts";
import type { Digest, Lock, LockedPlatform, Platform } from "./types.ts";

/**
 * What an image says that it was made from: the digest of the whole lock, all platforms, without what builds record in
 * it. Images of all platforms so have the same, a first build does not change it, and an image can hold it although
 * the lock holds the digest of the image.
 */
export function lockDigest(lock: Lock): Digest {
  const platforms = Object.entries(lock.platforms) as [Platform, LockedPlatform][];
  const text = canonicalJson({
    ...lock,
    platforms: Object.fromEntries(platforms.map(([platform, locked]) => [platform, unrecorded(locked)])),
  });
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function unrecorded({
  built: _,
  image: __,
  toolchains,
  ...locked
}: LockedPlatform): Omit<LockedPlatform, "built" | "image"> {
  if (toolchains === undefined) return locked;
  return { ...locked, toolchains: toolchains.map(({ libraries: _, ...toolchain }) => toolchain) };
}
