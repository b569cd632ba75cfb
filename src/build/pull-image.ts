import { createHash } from "node:crypto";
import { DevenvError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import type { Digest, LockedBase, LockedBaseLayer, LockedPlatform, Platform } from "../lock/index.ts";
import {
  fetchManifest,
  formatReference,
  layerCompression,
  openRegistries,
  type Reference,
  type RegistryClient,
  type ResolvedImage,
  resolveImage,
} from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { planCommand } from "./command-plan.ts";
import { planGrafts } from "./graft-plan.ts";
import { readKnownLayer } from "./known-layer.ts";
import { sharedWriteOut } from "./layer.ts";
import { layerTitle } from "./oci.ts";
import { baseConfigAnnotation, lockLabel } from "./outgoing.ts";
import { directoriesKey, planSteps } from "./plan.ts";
import { pullLayers } from "./pull.ts";
import type { BuildOptions } from "./step.ts";

export interface PulledImage {
  /** Of the platform's manifest in the registry. */
  readonly digest: string;
  /** The lowest first. */
  readonly layers: readonly {
    readonly step: string;
    readonly diffID: Digest;
    readonly did: "existed" | "pulled";
  }[];
}

/**
 * Brings the image that a lock records from a registry that it was pushed to, so that nothing need be built. The
 * registry is believed nothing: the layers must be those that the lock records, by diffID.
 *
 * @throws DevenvError `DEVENV_IMAGE_UNRECORDED` when the lock records no image, `DEVENV_PULL_DIFFERS` when what the
 * registry has was made for another lock or has other layers, and what {@link resolveImage} throws.
 */
export async function pullImage(
  store: Store,
  platform: Platform,
  locked: LockedPlatform,
  lock: Digest,
  reference: Reference,
  options: Pick<BuildOptions, "onProgress" | "signal"> & {
    /** Where the commands of layers run: absolute path inside. */
    readonly workspace: string;
  },
): Promise<PulledImage> {
  const recorded = recordedLayers(platform, locked, options.workspace);
  const client = openRegistries();
  const { images } = await resolveImage(client, reference, [platform]);
  const [image] = images;
  if (image === undefined) throw new Error(`Assertion failed: ${platform} was not looked for`);
  const name = formatReference(reference);
  checkImage(image, lock, recorded, name);
  const known = await Promise.all(recorded.map((layer) => readKnownLayer(store, layer)));
  const offered = recorded.map(({ diffID }, position) => offeredLayer(image, position, diffID, name));
  const wanted = offered.filter((_, position) => known[position] === undefined);
  const note = (text: string) => options.onProgress?.({ phase: "note", step: "image", text });
  const source = {
    store,
    client,
    repository: reference,
    note,
    writeOut: sharedWriteOut(store),
    step: "image",
    base: { reference: name },
  };
  await pullLayers(source, wanted, options);
  await keepBaseConfig(store, client, reference, image, locked.base);
  return {
    digest: image.manifest.digest,
    layers: recorded.map(({ diffID, name, step }, position) => ({
      step: layerTitle({ step, ...(name === undefined ? {} : { name }) }),
      diffID,
      did: known[position] === undefined ? "pulled" : "existed",
    })),
  };
}

function recordedLayers(platform: Platform, locked: LockedPlatform, workspace: string) {
  const layers = locked.image?.layers ?? [];
  const keys = new Set(layers.map(({ cacheKey }) => cacheKey));
  const directories = layers.find(({ step }) => step === "directories");
  const base = layers.filter(({ step }) => step === "base").map(({ diffID }) => diffID);
  const diffIDs = layers.map(({ diffID }) => diffID);
  const below = layers.findIndex(({ step }) => step === "layer");
  const planned = [
    ...(locked.layers ?? []).map((_, index) =>
      planCommand(platform, locked, index, diffIDs.slice(0, below + index), workspace),
    ),
    ...planSteps(platform, locked, directories?.diffID),
    ...planGrafts(locked),
    ...(directories === undefined ? [] : [{ cacheKey: directoriesKey(base) }]),
  ];
  const isOfToday = planned.every(({ cacheKey }) => keys.has(cacheKey));
  if (layers.length > 0 && isOfToday) return layers;
  const found = layers.length === 0 ? "no image" : "the image of another version of devenv";
  throw new DevenvError("DEVENV_IMAGE_UNRECORDED", `devenv.lock records ${found} for ${platform}`, {
    hint: "`devenv build` records one; commit devenv.lock then, so that what is pulled can be checked against it.",
  });
}

function checkImage(
  { imageConfig }: ResolvedImage,
  lock: Digest,
  recorded: readonly { readonly diffID: Digest }[],
  name: string,
): void {
  const theirs = imageConfig.labels[lockLabel];
  if (theirs !== lock) {
    const found = theirs === undefined ? "was not pushed by devenv" : `was made for another lock, ${theirs}`;
    throw new DevenvError("DEVENV_PULL_DIFFERS", `${name}: the image ${found}; devenv.lock is ${lock}`, {
      hint: "Check out the commit it was pushed from, or push it again.",
    });
  }
  const { diffIDs } = imageConfig;
  const wrong = recorded.find(({ diffID }, position) => diffIDs[position] !== diffID);
  // One more is that of the account, which environments do not need.
  if (wrong === undefined && diffIDs.length - recorded.length <= 1) return;
  const what = wrong === undefined ? `${diffIDs.length} layers` : `no layer ${wrong.diffID} in its place`;
  throw new DevenvError("DEVENV_PULL_DIFFERS", `${name}: the image has ${what}, devenv.lock records others`, {
    hint: "Whoever pushed it built something else than what the lock records.",
  });
}

function offeredLayer(image: ResolvedImage, position: number, diffID: Digest, name: string): LockedBaseLayer {
  const layer = image.layers[position];
  const compression = layerCompression(layer?.mediaType ?? "");
  if (layer === undefined || compression === undefined || !isSha256(layer.digest)) {
    const found = `${layer?.mediaType} ${layer?.digest}`;
    throw new DevenvError(
      "DEVENV_NOT_SUPPORTED",
      `${name}: found the layer ${found}, expected a tar archive`,
    );
  }
  return { diffID, digest: layer.digest, size: layer.size, compression };
}

function isSha256(digest: string): digest is Digest {
  return digest.startsWith("sha256:");
}

/** The configuration of the base comes along in the manifest; what has not the locked digest is not it. */
async function keepBaseConfig(
  store: Store,
  client: RegistryClient,
  { registry, repository }: Reference,
  image: ResolvedImage,
  base: LockedBase,
): Promise<void> {
  if (base.kind !== "image") return;
  const reference = { registry, repository, digest: image.manifest.digest };
  const { manifest } = await fetchManifest(client, reference);
  const text = manifest.kind === "image" ? manifest.annotations[baseConfigAnnotation] : undefined;
  if (text === undefined) return;
  const bytes = Buffer.from(text, "base64");
  if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== base.config.digest) return;
  await writeFileAtomic(store.blobPath(base.config.digest.replace("sha256:", "")), bytes);
}
