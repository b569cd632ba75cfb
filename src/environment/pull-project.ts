import type { Configuration, Project } from "../config/index.ts";
import { lockDigest, type Platform } from "../lock/index.ts";
import { checkNamespaces } from "../sandbox/index.ts";
import { formatReference, parseReference } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { checkPlatform } from "./build-project.ts";
import { hostPlatform } from "./host-platform.ts";
import { workspacePath } from "./inside.ts";
import { requireLock } from "./lock-project.ts";
import type { Observer } from "./observer.ts";
import { tellProgress } from "./tell-progress.ts";

export interface PullOptions {
  readonly observer: Observer;
  /** That of this host unless given. */
  readonly platform?: Platform | undefined;
}

/**
 * Brings the image of a project from a registry that {@link pushProject} pushed it to, so that `up` need not build it.
 *
 * @throws DevenvError `DEVENV_LOCK_STALE` when the lock does not fit, and what {@link checkNamespaces} and
 * {@link pullImage} throw.
 */
export async function pullProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  where: string,
  { observer, platform = hostPlatform() }: PullOptions,
) {
  const reference = parseReference(where);
  const lock = await requireLock(store, project, configuration);
  checkPlatform(project, configuration, platform);
  const locked = lock.platforms[platform];
  if (locked === undefined) throw new Error(`Assertion failed: the lock fits and has no ${platform}`);
  await checkNamespaces(store.root);
  const { pullImage } = await import("../build/index.ts");
  const onProgress = tellProgress(observer);
  const workspace = workspacePath(configuration.name);
  const options = { onProgress, workspace };
  const pulled = await pullImage(store, platform, locked, lockDigest(lock), reference, options);
  observer.end();
  return { reference: formatReference(reference), platform, ...pulled };
}
