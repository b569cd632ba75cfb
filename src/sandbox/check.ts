import { runStoreVerb } from "./store-verb.ts";

/**
 * Makes a user namespace with the identity map, changes nothing and ends: what could not work fails before something
 * large is downloaded for it.
 *
 * @throws DevenvError `DEVENV_NO_SUBUIDS` or `DEVENV_USER_NAMESPACE`, with the way to mend it.
 */
export async function checkNamespaces(store: string): Promise<void> {
  // Removing what is not there is no error; a directory of this name is none of ours.
  await runStoreVerb("remove", store, ["tmp/nothing"]);
}
