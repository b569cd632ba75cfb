import { link } from "node:fs/promises";
import { join, relative } from "node:path";
import { timed } from "../debug.ts";
import type { Digest, LockedPackage } from "../lock/index.ts";
import { type Emulator, packLayer, removePaths, unpackDebs } from "../sandbox/index.ts";
import { type Mirrors, packageUrls } from "../sources/debian/index.ts";
import { downloadBlobs, type Store } from "../store/index.ts";
import type { CommandOptions } from "./command-types.ts";
import { keepLayer, writeOut } from "./layer.ts";
import { once } from "./once.ts";
import type { Step } from "./plan.ts";
import type { BuildProgress } from "./progress.ts";
import type { StepRecord } from "./record.ts";
import { runScript } from "./script-run.ts";
import { packageFile } from "./scripts.ts";
import { makeLayerDirectory, makeWorkplace, type Workplace } from "./workplace.ts";

export interface BuildOptions {
  readonly mirrors: Mirrors;
  /** The project's real path: it may have settings of a package registry, and has the inputs of commands. */
  readonly directory?: string;
  /** Where there are commands that make layers. */
  readonly commands?: CommandOptions;
  readonly onProgress?: (progress: BuildProgress) => void;
  /** Ends downloads; what is being unpacked or installed is finished first. */
  readonly signal?: AbortSignal;
  /** How programs run; as findEmulator() says unless given. */
  readonly emulator?: Emulator | undefined;
}

/** Builds a step on top of the layers `below`, unless another process has just done so. */
export async function buildStep(
  store: Store,
  step: Step,
  below: readonly Digest[],
  options: BuildOptions & {
    /** Called when all packages are there. */
    readonly onDownloaded?: () => void;
  },
): Promise<StepRecord> {
  return await once(store, step, options.onProgress, async (report) => {
    await timed(`${step.name}: download`, () => downloadPackages(store, step, options));
    options.onDownloaded?.();
    return await build(store, step, below, options.emulator, report);
  });
}

/** Brings the packages of a step that the store does not have yet. */
export async function downloadPackages(store: Store, step: Step, options: BuildOptions): Promise<void> {
  const items = step.packages.map((one) => ({
    name: `${one.name} ${one.version}`,
    sha256: one.sha256,
    size: one.size,
    urls: packageUrls(options.mirrors, one),
  }));
  await downloadBlobs(store, items, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: (progress) =>
      options.onProgress?.({ phase: "download", step: step.name, download: progress }),
  });
}

async function build(
  store: Store,
  step: Step,
  below: readonly Digest[],
  emulator: Emulator | undefined,
  report: (progress: BuildProgress) => void,
): Promise<StepRecord> {
  const workplace = await makeWorkplace(store, step.name);
  try {
    if (step.name === "base") {
      report({ phase: "unpack", step: step.name });
      await timed("base: unpack", () => unpackBase(store, step, workplace));
      report({ phase: "configure", step: step.name });
    } else {
      await makeLayerDirectory(store, workplace);
      await linkPackages(store, step, workplace);
      report({ phase: "install", step: step.name });
    }
    await timed(`${step.name}: script`, () => runScript(store, step, below, workplace, emulator));
    report({ phase: "pack", step: step.name });
    const [packed] = await Promise.all([
      timed(`${step.name}: pack`, () =>
        packLayer({ store: store.root, root: workplace.layer, epoch: step.epoch }),
      ),
      timed(`${step.name}: write out`, () => writeOut(store)),
    ]);
    await timed(`${step.name}: keep`, () => keepLayer(store, workplace.layer, packed.diffID));
    return { diffID: packed.diffID, size: packed.size, epoch: step.epoch };
  } finally {
    await timed(`${step.name}: clean`, () => removePaths(store.root, [workplace.layer, workplace.scratch]));
  }
}

/** The step sees its own packages under names that mean something, and nothing else of the store. */
async function linkPackages(store: Store, step: Step, workplace: Workplace): Promise<void> {
  const directory = join(store.root, workplace.scratch, "packages");
  for (const one of step.packages) await link(store.blobPath(one.sha256), join(directory, packageFile(one)));
}

function unpackBase(store: Store, step: Step, workplace: Workplace): Promise<void> {
  return unpackDebs({
    store: store.root,
    root: workplace.layer,
    symlinks: step.links,
    debs: step.packages.map(({ name, architecture, sha256 }: LockedPackage) => ({
      name,
      architecture,
      sha256,
      file: relative(store.root, store.blobPath(sha256)),
    })),
  });
}
