import { realpath, rename } from "node:fs/promises";
import { basename, relative } from "node:path";
import type { Project } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/types.ts";
import { removePaths } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { environmentIds } from "./directory.ts";
import { removeEntry } from "./entry.ts";
import { loadById, loadEnvironment } from "./environment.ts";
import { withEnvironmentLock } from "./exclusive.ts";
import { keyOf, projectKey } from "./identity.ts";
import { stop } from "./stop.ts";

/**
 * Stops the environment of a project, that for the host's platform unless given. Its writable layer, home and volumes stay.
 *
 * @throws DevenvError `DEVENV_NO_ENVIRONMENT` when the project has none.
 */
export async function down(
  store: Store,
  project: Project,
  platform?: Platform,
): Promise<{ name: string; wasRunning: boolean }> {
  const root = await realpath(project.root);
  return await withEnvironmentLock(store, projectKey(root, platform), async () => {
    const environment = await loadEnvironment(store, root, platform);
    if (environment === undefined) throw noEnvironment(root);
    return { name: environment.state.name, wasRunning: await stop(environment) };
  });
}

/** Stops the environment and removes all of it: writable layer, home and volumes. The project is not touched. */
export async function removeEnvironment(store: Store, id: string): Promise<void> {
  await withEnvironmentLock(store, keyOf(id), async () => {
    if (!(await environmentIds(store)).includes(id)) return;
    const environment = await loadById(store, id);
    await removeEntry(store, keyOf(id));
    await stop(environment);
    const { path } = environment.directory;
    // Gone in one step, whatever happens to the removal itself, whose rest the store sweeps up.
    const doomed = await store.temporaryPath(`environment-${basename(path).slice(-12)}`);
    await rename(path, doomed);
    await removePaths(store.root, [relative(store.root, doomed)]);
  });
}

function noEnvironment(root: string): DevenvError {
  return new DevenvError("DEVENV_NO_ENVIRONMENT", `${root}: this project has no environment`, {
    hint: "`devenv up` makes and starts one.",
  });
}
