import { createHash } from "node:crypto";
import type { Platform } from "../lock/types.ts";
import { hostPlatform } from "./host-platform.ts";

/**
 * What stays the same for a project however it is called: twelve digits from the real path of its directory, and from the
 * platform of the environment where that is not the host's.
 */
export function projectKey(root: string, platform: Platform = hostPlatform()): string {
  const text = platform === hostPlatform() ? root : `${root}\0${platform}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** What {@link environmentId} made the id from: the name of the environment when its directory was made. */
export function nameOf(id: string): string {
  return id.slice(0, -"-0123456789ab".length);
}

/** The {@link projectKey} in an id. */
export function keyOf(id: string): string {
  return id.slice(-"0123456789ab".length);
}

/** The name of the environment's directory in the store, readable and unique: `shop-api-0123456789ab`. */
export function environmentId(name: string, root: string, platform?: Platform): string {
  return `${name}-${projectKey(root, platform)}`;
}
