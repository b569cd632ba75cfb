import { createHash } from "node:crypto";

/** What stays the same for a project however it is called: twelve digits from the real path of its directory. */
export function projectKey(root: string): string {
  return createHash("sha256").update(root).digest("hex").slice(0, 12);
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
export function environmentId(name: string, root: string): string {
  return `${name}-${projectKey(root)}`;
}
