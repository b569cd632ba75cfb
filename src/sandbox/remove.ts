import { runStoreVerb } from "./store-verb.ts";

/**
 * Removes paths below the store, and what is in them, whoever they belong to inside. Links are removed, not followed;
 * what is not there is no error.
 */
export async function removePaths(store: string, paths: readonly string[]): Promise<void> {
  if (paths.length > 0) await runStoreVerb("remove", store, paths);
}
