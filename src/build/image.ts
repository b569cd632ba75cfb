import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../files.ts";
import type { Digest, LockedImage, LockedPlatform, Platform } from "../lock/index.ts";
import { noteUse, type Store } from "../store/index.ts";
import { commandLayers } from "./command-layers.ts";
import { recordedLayers } from "./command-plan.ts";
import { type Graft, planGrafts } from "./graft-plan.ts";
import { readKnownLayer } from "./known-layer.ts";
import { type BuiltLayer, document, imageConfiguration, imageManifest } from "./oci.ts";
import { directoriesKey, planSteps, planToolchains, type Step } from "./plan.ts";
import { readRecord, type StepRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";
import { together } from "./together.ts";
import type { ToolchainNeeds } from "./toolchain-check.ts";
import { imageVariables } from "./variables.ts";

/** An image in the store: the lowest layer first. */
export interface BuiltImage extends LockedImage {
  /** Its environment variables. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Makes the image that the lock describes, or finds it in the store, for which nothing is loaded that builds. Each step
 * is built once, whoever else asks for it at the same time. The layers are unpacked in the store, manifest and
 * configuration are among its blobs.
 *
 * @throws DevenvError `DEVENV_EMULATOR` when this machine runs no programs of the platform; when a download, a package's
 * script or a command of the configuration fails;
 * `DEVENV_TOOLCHAIN_LIBC` and `DEVENV_TOOLCHAIN_LIBRARIES` when a toolchain would not run on what is below it.
 */
export async function buildImage(
  store: Store,
  platform: Platform,
  locked: LockedPlatform,
  options: BuildOptions,
): Promise<BuiltImage> {
  const build = { store, platform, locked, options };
  // Toolchains know nothing of what is below them.
  const [{ layers: packaged, variables }, grafts] = await together(
    options.signal,
    (signal) => buildPackages({ ...build, options: { ...options, signal } }),
    (signal) => buildGrafts({ ...build, options: { ...options, signal } }),
  );
  const layers = [...packaged, ...grafts];
  const ofImage = imageVariables(variables, locked.toolchains ?? []);
  const last = planToolchains(platform, locked, layers, ofImage);
  if (last !== undefined) {
    if ((await findKnown(last, build)) === undefined) await accept(layers, build);
    layers.push(await buildOn(layers, last, build));
  }
  layers.push(...(await commandLayers({ ...build, layers, variables: ofImage })));
  return writeImage(store, platform, locked.epoch, layers, ofImage);
}

/** What the grafted toolchains of a platform need that its base alone does not have. */
export async function findNeedsOnBase(
  store: Store,
  platform: Platform,
  locked: LockedPlatform,
  options: BuildOptions,
): Promise<ToolchainNeeds[]> {
  const build = { store, platform, locked, options };
  const [{ layers }, grafts] = await together(
    options.signal,
    (signal) => buildBase({ ...build, options: { ...options, signal } }),
    (signal) => buildGrafts({ ...build, options: { ...options, signal } }),
  );
  layers.push(...grafts);
  const { findNeeds } = await import("./toolchain-check.ts");
  return await findNeeds(store, platform, locked.toolchains ?? [], layers);
}

interface Build {
  readonly store: Store;
  readonly platform: Platform;
  readonly locked: LockedPlatform;
  readonly options: BuildOptions;
  /** Called when all packages of the base are there, and it is about to be made of them. */
  readonly onBaseDownloaded?: () => void;
}

/** The layers of the base and those of packages. */
async function buildPackages(
  build: Build,
): Promise<{ layers: BuiltLayer[]; variables: BuiltImage["variables"] }> {
  const { locked, options, platform, store } = build;
  let ahead: Promise<void> | undefined;
  const onDownloaded = async (): Promise<void> => {
    const [, next] = planSteps(platform, locked);
    if (next === undefined || (await findKnown(next, build)) !== undefined) return;
    const { downloadPackages } = await import("./step.ts");
    await downloadPackages(store, next, options);
  };
  const { layers, variables } = await buildBase({
    ...build,
    // While the base is built, the network has nothing to do. What fails is told when it is needed.
    onBaseDownloaded: () => {
      ahead = onDownloaded();
      ahead.catch(() => undefined);
    },
  });
  await ahead;
  const directories = layers.find(({ step }) => step === "directories")?.diffID;
  for (const step of planSteps(platform, locked, directories)) {
    if (step.name !== "base") layers.push(await buildOn(layers, step, build));
  }
  return { layers, variables };
}

async function buildBase(
  build: Build,
): Promise<{ layers: BuiltLayer[]; variables: BuiltImage["variables"] }> {
  const { locked, options, platform, store } = build;
  if (locked.base.kind === "image") {
    const { pullBase } = await import("./pull.ts");
    const { layers, variables } = await pullBase(store, locked.base, options);
    return { layers: [...layers, ...(await buildOnImage(layers, build))], variables };
  }
  const layers: BuiltLayer[] = [];
  for (const step of planSteps(platform, locked)) {
    if (step.name === "base") layers.push(await buildOn(layers, step, build));
  }
  return { layers, variables: {} };
}

/** What the layers of somebody else's image need to be the image that is meant: one more, or nothing. */
async function buildOnImage(layers: readonly BuiltLayer[], build: Build): Promise<BuiltLayer[]> {
  const diffIDs = layers.map(({ diffID }) => diffID);
  const step = { name: "directories", cacheKey: directoriesKey(diffIDs) };
  const known = await findKnown(step, build);
  if (known !== undefined) return [known];
  const { buildDirectories } = await import("./directories.ts");
  const layer = await buildDirectories(build.store, diffIDs, build.options);
  return layer === undefined ? [] : [layer];
}

async function buildOn(below: readonly BuiltLayer[], step: Step, build: Build): Promise<BuiltLayer> {
  const { onBaseDownloaded, options, platform, store } = build;
  const known = await findKnown(step, build);
  if (known !== undefined) return known;
  const diffIDs = below.map(({ diffID }) => diffID);
  const [{ buildStep }, { findEmulator }] = await Promise.all([
    import("./step.ts"),
    import("../sandbox/index.ts"),
  ]);
  const emulator = options.emulator ?? (await findEmulator(platform));
  const onDownloaded = step.name === "base" ? onBaseDownloaded : undefined;
  const record = await buildStep(store, step, diffIDs, {
    ...options,
    emulator,
    ...(onDownloaded && { onDownloaded }),
  });
  return { step: step.name, cacheKey: step.cacheKey, ...record };
}

/** The layer that the lock records or an earlier build made, when the store has it. */
async function findKnown(
  { cacheKey, name }: { readonly cacheKey: Digest; readonly name: string },
  { locked, store }: Build,
): Promise<BuiltLayer | undefined> {
  const recorded = recordedLayers(locked).find((layer) => layer.cacheKey === cacheKey);
  const known = recorded === undefined ? undefined : await readKnownLayer(store, recorded);
  const record = known ?? (await readRecord(store, cacheKey));
  return record && { step: name, cacheKey, ...record };
}

async function buildGrafts(build: Build): Promise<BuiltLayer[]> {
  const layers: BuiltLayer[] = [];
  for (const graft of planGrafts(build.locked)) {
    const known = await findKnown(graft, build);
    const { cacheKey, name } = graft;
    layers.push(known ?? { step: name, cacheKey, ...(await makeGraft(build, graft)) });
  }
  return layers;
}

async function makeGraft({ options, store }: Build, graft: Graft): Promise<StepRecord> {
  const { buildGraft } = await import("./graft.ts");
  return await buildGraft(store, graft, options);
}

async function accept(layers: readonly BuiltLayer[], { locked, platform, store }: Build): Promise<void> {
  const { findNeeds, refusalOf } = await import("./toolchain-check.ts");
  for (const needs of await findNeeds(store, platform, locked.toolchains ?? [], layers)) {
    const refusal = refusalOf(needs, locked);
    if (refusal !== undefined) throw refusal;
  }
}

async function writeImage(
  store: Store,
  platform: Platform,
  epoch: number,
  layers: readonly BuiltLayer[],
  variables: BuiltImage["variables"],
): Promise<BuiltImage> {
  const configuration = document(imageConfiguration(platform, layers, epoch, variables));
  const manifest = imageManifest(configuration, layers);
  for (const { digest, text } of [configuration, manifest]) {
    await writeOnce(store, store.blobPath(digest.replace("sha256:", "")), text);
  }
  const image: LockedImage = {
    digest: manifest.digest,
    layers: layers.map(({ cacheKey, diffID, name, network, step }) => ({
      step,
      ...(name === undefined ? {} : { name }),
      ...(network === undefined ? {} : { network }),
      cacheKey,
      diffID,
    })),
  };
  await writeOnce(store, store.imagePath(image.digest), `${document(image).text}\n`);
  return { ...image, variables };
}

/** Named by its content's digest: when it is there, it is right. */
async function writeOnce(store: Store, file: string, text: string): Promise<void> {
  const there = await readFile(file, "utf8").catch(() => undefined);
  if (there !== text || !(await noteUse(store, [file]))[0]) await writeFileAtomic(file, text);
}
