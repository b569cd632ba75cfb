import { readFile } from "node:fs/promises";
import { arch } from "node:os";
import { DevenvError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import type { Digest, LockedImage, LockedPlatform, Platform } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { readKnownLayer } from "./known-layer.ts";
import { type BuiltLayer, document, imageConfiguration, imageManifest } from "./oci.ts";
import { planSteps, type Step } from "./plan.ts";
import { pullBase } from "./pull.ts";
import { readRecord, type StepRecord } from "./record.ts";
import { type BuildOptions, buildStep } from "./step.ts";

/** An image in the store: the lowest layer first. */
export interface BuiltImage extends LockedImage {
  /** Environment variables that the base brings. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Makes the image that the lock describes, or finds it in the store. Each step is built once, whoever else asks for
 * it at the same time. The layers are unpacked in the store, manifest and configuration are among its blobs.
 *
 * @throws DevenvError when this machine cannot build for the platform, a download fails or a package's script fails.
 */
export async function buildImage(
  store: Store,
  platform: Platform,
  locked: LockedPlatform,
  options: BuildOptions,
): Promise<BuiltImage> {
  const steps = planSteps(platform, locked);
  const { base } = locked;
  const pulled = base.kind === "image" ? await pullBase(store, base, options) : { layers: [], variables: {} };
  const layers: BuiltLayer[] = [...pulled.layers];
  for (const step of steps) {
    const below = layers.map(({ diffID }) => diffID);
    const recorded = locked.image?.layers.find(({ cacheKey }) => cacheKey === step.cacheKey);
    const known = recorded === undefined ? undefined : await readKnownLayer(store, recorded);
    const record = known ?? (await readRecord(store, step.cacheKey)) ?? (await build(step, below));
    layers.push({ step: step.name, cacheKey: step.cacheKey, ...record });
  }
  return writeImage(store, platform, locked.epoch, layers, pulled.variables);

  async function build(step: Step, below: readonly Digest[]): Promise<StepRecord> {
    checkHost(platform);
    return buildStep(store, step, below, options);
  }
}

/** Maintainer scripts are programs of the platform; they run on the processor itself. */
function checkHost(platform: Platform): void {
  const architecture = { x64: "amd64", arm64: "arm64" }[arch() as string] ?? arch();
  const host = `${process.platform}/${architecture}`;
  if (host === platform) return;
  throw new DevenvError("DEVENV_PLATFORM", `An image for ${platform} cannot be built on ${host}`, {
    hint: `Build it on a machine that is ${platform}. Locking works here for every platform.`,
  });
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
    await writeOnce(store.blobPath(digest.replace("sha256:", "")), text);
  }
  const image: LockedImage = {
    digest: manifest.digest,
    layers: layers.map(({ step, cacheKey, diffID }) => ({ step, cacheKey, diffID })),
  };
  await writeOnce(store.imagePath(image.digest), `${document(image).text}\n`);
  return { ...image, variables };
}

/** Named by its content's digest: when it is there, it is right. */
async function writeOnce(file: string, text: string): Promise<void> {
  const there = await readFile(file, "utf8").catch(() => undefined);
  if (there !== text) await writeFileAtomic(file, text);
}
