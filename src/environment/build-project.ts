import { realpath, stat } from "node:fs/promises";
import type { CommandOptions } from "../build/index.ts";
import type { Configuration, Project } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import {
  canonicalJson,
  type Lock,
  type LockedImage,
  type LockedPlatform,
  type Platform,
  writeLock,
} from "../lock/index.ts";
import { checkNamespaces, identityMap } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { atWork } from "./at-work.ts";
import type { CommandWishes } from "./command-options.ts";
import { hostPlatform } from "./host-platform.ts";
import { type LockOutcome, lockProject, requireLock } from "./lock-project.ts";
import type { Observer } from "./observer.ts";
import { tellProgress } from "./tell-progress.ts";

export interface BuildOptions extends CommandWishes {
  readonly observer: Observer;
  /** Fail where the lock would have to change. */
  readonly frozen?: boolean;
  /** Frozen, and as if devenv.lock recorded no image: what comes out is compared with nothing. */
  readonly unrecorded?: boolean;
  /** That of this host unless given. */
  readonly platform?: Platform | undefined;
}

export interface ProjectImage {
  readonly platform: Platform;
  readonly image: LockedImage;
  /** Environment variables that the image brings. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether devenv.lock was written on the way. */
  readonly wroteLock: boolean;
  /** The lock as it was built. */
  readonly lock: Lock;
}

/**
 * From the configuration to the image of one platform: locks when needed, builds what the store does not
 * have, and records the digest in the lock.
 *
 * @throws DevenvError `DEVENV_LOCK_STALE` or `DEVENV_IMAGE_DIFFERS` when frozen and the lock would change;
 * `DEVENV_NO_SUBUIDS` or `DEVENV_USER_NAMESPACE`, before anything is downloaded for the image, when no layer could be
 * unpacked here.
 */
export async function buildProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: BuildOptions,
): Promise<ProjectImage> {
  return await atWork(store, () => buildAtWork(store, project, configuration, options));
}

async function buildAtWork(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: BuildOptions,
): Promise<ProjectImage> {
  const { observer, unrecorded = false, platform = hostPlatform() } = options;
  const frozen = unrecorded || options.frozen === true;
  checkPlatform(project, configuration, platform);
  await identityMap();
  const { lock, changes, commandChanges } = frozen
    ? { lock: await requireLock(store, project, configuration), changes: [], commandChanges: [] }
    : await lockWhole(store, project, configuration, platform, observer);
  const whole = lock.platforms[platform];
  if (whole === undefined) throw new Error(`Assertion failed: the lock fits and has no ${platform}`);
  const locked = unrecorded ? withoutRecord(whole) : whole;
  const { variables, ...image } = await build(store, project, configuration, platform, lock, locked, options);
  const recorded = locked.image;
  if (recorded !== undefined && canonicalJson(recorded) === canonicalJson(image))
    return { platform, image, variables, lock, wroteLock: changes.length + commandChanges.length > 0 };
  if (recorded !== undefined && recorded.digest !== image.digest) {
    if (frozen) throw imageDiffers(project, platform, recorded, image);
    observer.note(
      `the image differs from the recorded one: ${image.digest}, devenv.lock had ${recorded.digest}`,
    );
  }
  if (!frozen) await writeLock(project.lockFile, withImage(lock, platform, image));
  return { platform, image, variables, lock, wroteLock: !frozen };
}

function withoutRecord({ built: _, image: __, ...locked }: LockedPlatform): LockedPlatform {
  return locked;
}

/** Locks, and looks what libraries new toolchains need, for which they have to be there. */
async function lockWhole(
  store: Store,
  project: Project,
  configuration: Configuration,
  platform: Platform,
  observer: Observer,
): Promise<LockOutcome> {
  const locked = await lockProject(store, project, configuration, { observer });
  // Why commands are run again is told when they are.
  const gone = locked.commandChanges.filter((change) => change.endsWith(": removed"));
  for (const change of [...locked.changes, ...gone]) observer.note(`devenv.lock: ${change}`);
  if (!hasUnknownLibraries(locked.lock, platform)) return locked;
  await checkNamespaces(store.root);
  const { addLibraries } = await import("./toolchain-libraries.ts");
  const { lock, changes } = await addLibraries(store, project, configuration, locked.lock, {
    observer,
    platform,
  });
  for (const change of changes) observer.note(`devenv.lock: ${change}`);
  return { ...locked, lock, changes: [...locked.changes, ...changes] };
}

function hasUnknownLibraries(lock: Lock, platform: Platform): boolean {
  const toolchains = lock.platforms[platform]?.toolchains ?? [];
  return toolchains.some(({ libraries, parts }) => parts.length > 0 && libraries === undefined);
}

async function build(
  store: Store,
  project: Project,
  configuration: Configuration,
  platform: Platform,
  { request: { asOf } }: Lock,
  locked: LockedPlatform,
  options: BuildOptions,
): Promise<LockedImage & Pick<ProjectImage, "variables">> {
  const { observer } = options;
  const isThere = await hasImage(store, locked.image);
  if (!isThere) await checkNamespaces(store.root);
  if (!isThere && platform !== hostPlatform())
    observer.note(
      `what has to run of ${platform} is emulated on this host, some ten times slower than its own`,
    );
  const [{ buildImage }, { resolveMirrorsFor }] = await Promise.all([
    import("../build/image.ts"),
    import("../sources/debian/mirrors.ts"),
  ]);
  const directory = await realpath(project.root);
  const commands = locked.layers && (await commandsFor(store, directory, configuration, options));
  const image = await buildImage(store, platform, locked, {
    mirrors: resolveMirrorsFor({ asOf, releases: locked.base.releases ?? [] }),
    directory,
    onProgress: tellProgress(observer),
    ...(commands === undefined ? {} : { commands }),
  });
  observer.end();
  if (commands !== undefined) {
    const { noteCommands } = await import("./last-commands.ts");
    await noteCommands(store, directory, locked, image);
  }
  return image;
}

async function commandsFor(
  store: Store,
  root: string,
  configuration: Configuration,
  options: BuildOptions,
): Promise<CommandOptions> {
  const { commandOptions } = await import("./command-options.ts");
  return commandOptions(store, root, configuration, options.observer, options);
}

async function hasImage(store: Store, image: LockedImage | undefined): Promise<boolean> {
  if (image === undefined) return false;
  return (await stat(store.imagePath(image.digest)).catch(() => undefined)) !== undefined;
}

function withImage(lock: Lock, platform: Platform, image: LockedImage): Lock {
  const locked = lock.platforms[platform];
  if (locked === undefined) throw new Error(`Assertion failed: ${platform} was built and is not locked`);
  const { built: _, ...decided } = locked;
  return { ...lock, platforms: { ...lock.platforms, [platform]: { ...decided, image } } };
}

/** @throws DevenvError `DEVENV_PLATFORM` when the configuration does not have the platform. */
export function checkPlatform(project: Project, configuration: Configuration, platform: Platform): void {
  if (configuration.platforms.includes(platform)) return;
  const wanted = platform === hostPlatform() ? `this host is ${platform}` : `not ${platform}`;
  throw new DevenvError(
    "DEVENV_PLATFORM",
    `${project.configFile}: "platforms" has ${configuration.platforms.join(", ")}, ${wanted}`,
    {
      hint: `Add ${JSON.stringify(platform)} to "platforms" and run \`devenv lock\`, or name one that is there with --platform.`,
    },
  );
}

function imageDiffers(
  project: Project,
  platform: Platform,
  recorded: LockedImage,
  built: LockedImage,
): DevenvError {
  const layers = built.layers
    .filter(
      ({ diffID, name, step }) =>
        !recorded.layers.some(
          (layer) => layer.step === step && layer.name === name && layer.diffID === diffID,
        ),
    )
    .map(({ cacheKey, diffID, name, step }) => {
      const title = `layer ${name === undefined ? step : JSON.stringify(name)}`;
      const old = recorded.layers.find((layer) => layer.step === step && layer.name === name);
      const isOfOthers = old !== undefined && old.cacheKey !== cacheKey;
      return `  ${title}: built ${diffID}${isOfOthers ? ", recorded for other inputs or layers below" : ""}`;
    });
  return new DevenvError(
    "DEVENV_IMAGE_DIFFERS",
    [
      `${project.lockFile}: the image built for ${platform} is not the one recorded`,
      `  recorded ${recorded.digest}`,
      `  built    ${built.digest}`,
      ...layers,
    ].join("\n"),
    { hint: "`devenv up` without --frozen records the image built here; commit devenv.lock then." },
  );
}
