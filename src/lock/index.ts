export { baseTitle } from "./base-title.ts";
export { canonicalJson } from "./canonical.ts";
export { changedCommands, changesOf, type InputFile, type InputTrees } from "./changed-commands.ts";
export { diffLocks } from "./diff.ts";
export { formatLock, parseLock, readLock, writeLock } from "./file.ts";
export { lockDigest } from "./lock-digest.ts";
export { basePackages, lockedPackages } from "./locked-packages.ts";
export { isSameRequest, requestDifferences, requestOf } from "./request.ts";
export type {
  BlobDigest,
  Digest,
  Lock,
  LockedBase,
  LockedBaseLayer,
  LockedCommand,
  LockedImage,
  LockedImageBase,
  LockedImagePart,
  LockedLayer,
  LockedModulePart,
  LockedNpmPart,
  LockedPackage,
  LockedPart,
  LockedPlatform,
  LockedToolchain,
  Platform,
} from "./types.ts";
