import { readFile } from "node:fs/promises";
import { DevenvError } from "../errors.ts";
import type { BlobDigest, Digest, LockedBase } from "../lock/index.ts";
import {
  blobExists,
  type Descriptor,
  fetchManifest,
  openRegistries,
  type Pushed,
  pushBlob,
  pushManifest,
  type Reference,
  type RegistryClient,
} from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { readCompressed, withCompressed } from "./compressed.ts";
import { indexDocument, indexEntry } from "./image-files.ts";
import type { OutgoingLayer } from "./layer-archive.ts";
import { type LayerDescriptor, manifestOf } from "./oci.ts";
import { baseConfigAnnotation, lockLabel, type OutgoingImage } from "./outgoing.ts";

/** Layers on their way at the same time: one is compressed while another one waits for the network. */
const pushesAtOnce = 2;

/** Bytes of the base's configuration, which goes along in the manifest when it is not more. */
const largestBaseConfig = 256 * 1024;

export interface PushOptions {
  readonly onProgress?: (progress: PushProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface PushProgress {
  /** Layers that the registry has now. */
  readonly layers: number;
  readonly totalLayers: number;
  /** Bytes sent. */
  readonly bytes: number;
}

export interface PushedLayer extends LayerDescriptor {
  readonly step: string;
  readonly diffID: Digest;
  readonly did: Pushed;
}

export interface PushedImage {
  /** Of the index, which the tag now stands for. */
  readonly digest: string;
  /** Of this platform's manifest. */
  readonly manifest: string;
  /** All that the index holds. */
  readonly platforms: readonly string[];
  readonly layers: readonly PushedLayer[];
}

/**
 * Pushes an image and makes the reference's tag stand for an index that holds it, beside the images of other platforms
 * that were pushed there for the same lock. What the registry has is not sent again.
 *
 * @throws DevenvError as {@link pushBlob} and {@link pushManifest} do.
 */
export async function pushImage(
  store: Store,
  image: OutgoingImage,
  base: LockedBase,
  reference: Reference,
  options: PushOptions = {},
): Promise<PushedImage> {
  const client = openRegistries();
  const layers = await pushLayers(store, client, image, reference, options);
  const { configuration } = image;
  const text = Buffer.from(configuration.text);
  await pushBlob(client, reference, { digest: configuration.digest, size: text.length }, () => once(text));
  const descriptors = layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, size }));
  const manifest = manifestOf(configuration, descriptors, await annotations(store, base));
  const { registry, repository } = reference;
  const type = "application/vnd.oci.image.manifest.v1+json";
  await pushManifest(
    client,
    { registry, repository, digest: manifest.digest },
    Buffer.from(manifest.text),
    type,
  );
  const entry = indexEntry(image, manifest);
  const others = await entriesOfSameLock(client, reference, entry.annotations[lockLabel]);
  const entries = [...others.filter(({ platform }) => platform !== image.platform).map(asWritten), entry];
  const index = indexDocument(entries);
  const indexType = "application/vnd.oci.image.index.v1+json";
  await pushManifest(client, reference, Buffer.from(index.text), indexType);
  const platforms = entries.map(({ platform }) => Object.values(platform).join("/"));
  return { digest: index.digest, manifest: manifest.digest, platforms: platforms.sort(), layers };
}

async function pushLayers(
  store: Store,
  client: RegistryClient,
  image: OutgoingImage,
  reference: Reference,
  options: PushOptions,
): Promise<PushedLayer[]> {
  const pushed: PushedLayer[] = [];
  let bytes = 0;
  let done = 0;
  const report = () => options.onProgress?.({ layers: done, totalLayers: image.layers.length, bytes });
  const failure = new AbortController();
  const signal =
    options.signal === undefined ? failure.signal : AbortSignal.any([failure.signal, options.signal]);
  const onBytes = (count: number): void => {
    bytes += count;
    report();
  };
  const queue = image.layers.entries();
  const work = async (): Promise<void> => {
    for (const [position, layer] of queue) {
      signal.throwIfAborted();
      pushed[position] = await pushLayer({ store, client, reference, signal, onBytes }, layer);
      done += 1;
      report();
    }
  };
  const workers = Array.from({ length: pushesAtOnce }, () => work().catch((error) => failure.abort(error)));
  await Promise.all(workers);
  signal.throwIfAborted();
  return pushed;
}

interface Way {
  readonly store: Store;
  readonly client: RegistryClient;
  readonly reference: Reference;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

async function pushLayer(way: Way, layer: OutgoingLayer): Promise<PushedLayer> {
  const { client, reference, signal, store } = way;
  const { diffID, pulled, step } = layer;
  const send = (
    { digest, mediaType, size }: LayerDescriptor & { readonly digest: BlobDigest },
    open: () => AsyncIterable<Uint8Array>,
    mountFrom?: string,
  ): Promise<PushedLayer> =>
    pushBlob(client, reference, { digest, size }, () => counted(open(), way.onBytes), {
      signal,
      ...(mountFrom === undefined ? {} : { mountFrom }),
    }).then((did) => ({ step, diffID, digest, mediaType, size, did }));
  if (pulled !== undefined) {
    const { compression, digest, from, openCompressed, size } = pulled;
    const suffix = compression === "none" ? "" : `+${compression}`;
    const mediaType = `application/vnd.oci.image.layer.v1.tar${suffix}`;
    const isNear = from.registry === reference.registry && from.repository !== reference.repository;
    const mountFrom = isNear ? from.repository : undefined;
    return send({ mediaType, digest, size }, () => openCompressed(signal), mountFrom);
  }
  const known = await readCompressed(store, layer);
  if (known !== undefined && (await blobExists(client, reference, known, signal)))
    return { ...known, step, diffID, did: "existed" };
  return withCompressed(store, layer, signal, (compressed, open) => send(compressed, open));
}

/** So that whoever pulls needs nothing of the base's registry: variables stand in the base's configuration. */
async function annotations(
  store: Store,
  base: LockedBase,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (base.kind !== "image" || base.config.size > largestBaseConfig) return undefined;
  const bytes = await readFile(store.blobPath(base.config.digest.replace("sha256:", "")));
  return { [baseConfigAnnotation]: bytes.toString("base64") };
}

async function entriesOfSameLock(
  client: RegistryClient,
  reference: Reference,
  lock: string | undefined,
): Promise<readonly Descriptor[]> {
  // A mirror may not know yet what was pushed a moment ago.
  const origin: RegistryClient = { serversOf: (repository) => client.serversOf(repository).slice(-1) };
  try {
    const { manifest } = await fetchManifest(origin, reference);
    if (manifest.kind !== "index") return [];
    return manifest.manifests.filter(
      (entry) => lock !== undefined && entry.annotations?.[lockLabel] === lock,
    );
  } catch (error) {
    if (error instanceof DevenvError && error.code === "DEVENV_REGISTRY_NOT_FOUND") return [];
    throw error;
  }
}

function asWritten({ annotations = {}, digest, mediaType, platform = "unknown/unknown", size }: Descriptor) {
  const [os, architecture, variant] = platform.split("/");
  return {
    mediaType,
    digest,
    size,
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    annotations,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
