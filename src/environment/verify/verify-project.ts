import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { type Difference, layerDifferences } from "../../build/layer-differences.ts";
import type { Configuration, Project } from "../../config/index.ts";
import { DevenvError } from "../../errors.ts";
import {
  type Digest,
  type LockedImage,
  type LockedPlatform,
  lockedPackages,
  type Platform,
} from "../../lock/index.ts";
import { checkNamespaces, removePaths } from "../../sandbox/index.ts";
import type { Store } from "../../store/index.ts";
import { checkPlatform } from "../build-project.ts";
import { hostPlatform } from "../host-platform.ts";
import { requireLock } from "../lock-project.ts";
import type { Observer } from "../observer.ts";
import { type BuiltAnew, buildAnew } from "./build-anew.ts";
import { otherCircumstances } from "./circumstances.ts";

export interface VerifyOptions {
  readonly observer: Observer;
  /** That of this host unless given. */
  readonly platform?: Platform | undefined;
}

/** What a build from nothing gave, beside what the lock records. */
export interface Verification {
  readonly platform: Platform;
  readonly isSame: boolean;
  /** Of the image manifests. */
  readonly recorded: Digest;
  readonly built: Digest;
  /** What was other for this build, each a few words. */
  readonly circumstances: readonly string[];
  /** The layers that differ, the lowest first. */
  readonly layers: readonly LayerVerdict[];
}

/** A layer that came out otherwise. */
export interface LayerVerdict {
  readonly step: string;
  /** Of a command of the configuration. */
  readonly name?: string;
  readonly recorded?: Digest;
  readonly built?: Digest;
  /** Absent when the recorded layer is not in the store. */
  readonly differences?: readonly Difference[];
}

/**
 * Builds the image that the lock records once more, from nothing, in a store of its own and under other circumstances,
 * and compares. Nothing of the project or of the store is changed.
 *
 * @throws DevenvError `DEVENV_NOT_BUILT` when the lock records no image, `DEVENV_LOCK_STALE`, `DEVENV_VERIFY_FAILED`.
 */
export async function verifyProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  { observer, platform = hostPlatform() }: VerifyOptions,
): Promise<Verification> {
  checkPlatform(project, configuration, platform);
  const lock = await requireLock(store, project, configuration);
  const locked = lock.platforms[platform];
  const recorded = locked?.image;
  if (locked === undefined || recorded === undefined) throw notBuilt(project, platform);
  await checkNamespaces(store.root);
  const circumstances = await otherCircumstances();
  const place = await store.temporaryPath("verify");
  try {
    const anew = await buildAnew(store, {
      root: project.root,
      platform,
      circumstances,
      observer,
      place,
      downloads: downloadsOf(locked),
    });
    const isSame = anew.image.digest === recorded.digest;
    if (!isSame) observer.begin("comparing the layers");
    return {
      platform,
      isSame,
      recorded: recorded.digest,
      built: anew.image.digest,
      circumstances: circumstances.described,
      layers: isSame ? [] : await compareLayers(store, anew, recorded, locked.epoch),
    };
  } finally {
    observer.end();
    await removePaths(store.root, [relative(store.root, place)]);
  }
}

/** Of all that an image is made from. */
function downloadsOf(locked: LockedPlatform): string[] {
  const { base, toolchains = [] } = locked;
  const layers = [
    ...(base.kind === "image" ? [...base.layers, base.config] : []),
    ...toolchains.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === "image" ? part.layers : []))),
  ];
  return [
    ...lockedPackages(locked).map(({ sha256 }) => sha256),
    ...layers.map(({ digest }) => digest.replace(/^sha(?:256|512):/, "")),
  ];
}

async function compareLayers(
  store: Store,
  { image, store: second }: BuiltAnew,
  recorded: LockedImage,
  epoch: number,
): Promise<LayerVerdict[]> {
  const count = Math.max(image.layers.length, recorded.layers.length);
  const verdicts: LayerVerdict[] = [];
  for (let index = 0; index < count; index++) {
    const [old, now] = [recorded.layers[index], image.layers[index]];
    if (old?.diffID === now?.diffID) continue;
    const { step = "", name } = now ?? old ?? {};
    const verdict = {
      step,
      ...(name === undefined ? {} : { name }),
      ...(old === undefined ? {} : { recorded: old.diffID }),
      ...(now === undefined ? {} : { built: now.diffID }),
    };
    const differences =
      old === undefined || now === undefined
        ? undefined
        : await differencesOf([store, old.diffID], [second, now.diffID], epoch);
    verdicts.push(differences === undefined ? verdict : { ...verdict, differences });
  }
  return verdicts;
}

async function differencesOf(
  [store, recorded]: readonly [Store, Digest],
  [second, built]: readonly [Store, Digest],
  epoch: number,
): Promise<Difference[] | undefined> {
  const before = { store, path: store.layerPath(recorded) };
  const after = { store: second, path: second.layerPath(built) };
  if ((await stat(before.path).catch(() => undefined)) === undefined) return undefined;
  return await layerDifferences({ before, after, epoch });
}

function notBuilt({ lockFile }: Project, platform: Platform): DevenvError {
  return new DevenvError("DEVENV_NOT_BUILT", `${lockFile}: records no image for ${platform}`, {
    hint: "`devenv build` makes it and records its digest.",
  });
}
