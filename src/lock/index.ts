export { canonicalJson } from "./canonical.ts";
export { configurationDigest } from "./configuration-digest.ts";
export { diffLocks } from "./diff.ts";
export { formatLock, parseLock, readLock, writeLock } from "./file.ts";
export type {
  Digest,
  Lock,
  LockedBase,
  LockedImage,
  LockedLayer,
  LockedPackage,
  LockedPlatform,
  LockedRelease,
  Platform,
} from "./types.ts";
