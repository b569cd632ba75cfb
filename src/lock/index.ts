export { canonicalJson } from "./canonical.ts";
export { configurationDigest } from "./configuration-digest.ts";
export { diffLocks } from "./diff.ts";
export { formatLock, parseLock, readLock, writeLock } from "./file.ts";
export type {
  Digest,
  Lock,
  LockedImage,
  LockedPackage,
  LockedPlatform,
  Platform,
} from "./types.ts";
