import { type Store, withStoreLock } from "../store/index.ts";

/**
 * One command at a time changes the environment of a project: of two `up` at the same moment the second waits and
 * then finds all done. `key` is the one that `projectKey` gives.
 */
export async function withEnvironmentLock<T>(store: Store, key: string, work: () => Promise<T>): Promise<T> {
  return await withStoreLock(store, `environment-${key}`, work);
}
