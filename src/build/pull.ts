import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { Readable } from "node:stream";
import { timed } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import type { LockedBaseLayer, LockedImageBase } from "../lock/index.ts";
import { removePaths, type UnpackedLayer, unpackLayer } from "../sandbox/index.ts";
import {
  openBlob,
  openRegistries,
  parseReference,
  type RegistryClient,
  type Repository,
  readBlob,
  readImageConfig,
} from "../sources/registry/index.ts";
import { type Store, withStoreLock } from "../store/index.ts";
import { counted } from "./counted.ts";
import { keepLayer, writeOut } from "./layer.ts";
import type { BuiltLayer } from "./oci.ts";
import { pulledKey } from "./plan.ts";
import { readRecord, type StepRecord, writeRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";
import { sweepLeftovers } from "./sweep.ts";

/** Layers on their way at the same time: one is hashed and unpacked while another one waits for the network. */
const pullsAtOnce = 2;

/** The base of an image: its layers in the store, and the environment variables it brings. */
export interface PulledBase {
  readonly layers: readonly BuiltLayer[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Brings the layers of somebody else's image into the store, those that are not there yet: each goes from the socket
 * through both digests into files, without a copy in between. Everything is asked for by digest.
 *
 * @throws DevenvError when no server of the registry has a blob, or it is not what the lock says.
 */
export async function pullBase(
  store: Store,
  base: LockedImageBase,
  options: BuildOptions,
): Promise<PulledBase> {
  const source = {
    store,
    base,
    step: "base",
    client: openRegistries(),
    repository: parseReference(base.reference),
    note: (text: string) => options.onProgress?.({ phase: "note", step: "base", text }),
  };
  const all = uppermost(base.layers);
  const known = await Promise.all(all.map((layer) => readRecord(store, pulledKey(layer))));
  // What is known to be hidden need not come.
  const wanted = all.slice(
    Math.max(
      0,
      known.findLastIndex((record) => record?.hidesLower),
    ),
  );
  await pullLayers(source, wanted, options);
  const variables = await variablesOf(source, base);
  const pulled = await Promise.all(
    wanted.map(async (layer): Promise<StepRecord> => {
      const record = await readRecord(store, pulledKey(layer));
      if (record === undefined) throw new Error(`Assertion failed: ${layer.diffID} was pulled`);
      return record;
    }),
  );
  const visible = pulled.slice(
    Math.max(
      0,
      pulled.findLastIndex(({ hidesLower }) => hidesLower),
    ),
  );
  const layers = visible.map(({ diffID, size }) => ({
    step: "base",
    cacheKey: pulledKey({ diffID }),
    diffID,
    size,
  }));
  return { layers, variables };
}

/** From where to where. */
export interface LayerSource {
  readonly store: Store;
  /** The image that the layers belong to; the reference is for messages. */
  readonly base: Pick<LockedImageBase, "reference" | "layers">;
  readonly client: RegistryClient;
  readonly repository: Repository;
  /** What progress calls the layers: `base`, or `image` for all of an image. */
  readonly step: string;
  /** Told what a person should know. */
  readonly note: (text: string) => void;
}

/** An overlay takes each layer once; of one that an image has several times the uppermost decides. */
function uppermost(layers: readonly LockedBaseLayer[]): LockedBaseLayer[] {
  return layers.filter(
    ({ diffID }, index) => layers.findLastIndex((other) => other.diffID === diffID) === index,
  );
}

/** Brings those of the layers into the store that are not there. */
export async function pullLayers(
  source: LayerSource,
  wanted: readonly LockedBaseLayer[],
  options: Pick<BuildOptions, "onProgress" | "signal">,
): Promise<void> {
  const records = await Promise.all(wanted.map((layer) => readRecord(source.store, pulledKey(layer))));
  const layers = wanted.filter((_, index) => records[index] === undefined);
  if (layers.length === 0) return;
  const received = new Map<LockedBaseLayer, number>();
  const totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
  const report = (layer: LockedBaseLayer, bytes: number): void => {
    received.set(layer, bytes);
    const files = layers.filter((one) => received.get(one) === one.size).length;
    const download = {
      files,
      totalFiles: layers.length,
      bytes: [...received.values()].reduce((sum, one) => sum + one, 0),
      totalBytes,
    };
    options.onProgress?.({ phase: "download", step: source.step, download });
  };
  await sweepLeftovers(source.store);
  const failure = new AbortController();
  const signal =
    options.signal === undefined ? failure.signal : AbortSignal.any([failure.signal, options.signal]);
  const queue = layers.values();
  const work = async (): Promise<void> => {
    for (const layer of queue) await pullLayer(source, layer, signal, (bytes) => report(layer, bytes));
  };
  const workers = Array.from({ length: pullsAtOnce }, () => work().catch((error) => failure.abort(error)));
  await Promise.all(workers);
  signal.throwIfAborted();
}

async function pullLayer(
  source: LayerSource,
  layer: LockedBaseLayer,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { store } = source;
  const hex = layer.diffID.replace("sha256:", "");
  await withStoreLock(store, `layer-${hex}`, async () => {
    signal.throwIfAborted();
    if ((await readRecord(store, pulledKey(layer))) !== undefined) return;
    const place = relative(store.root, await store.temporaryPath("layer", "layers"));
    try {
      const { hidesLower, implicitDirectories, size } = await timed(`layer ${hex.slice(0, 12)}`, () =>
        unpack(source, layer, place, signal, onBytes),
      );
      if (layer !== source.base.layers[0]) noteImplicit(source, layer, implicitDirectories);
      await writeOut(store);
      await keepLayer(store, place, layer.diffID);
      const record: StepRecord = { diffID: layer.diffID, size };
      await writeRecord(store, pulledKey(layer), hidesLower ? { ...record, hidesLower } : record);
    } finally {
      await removePaths(store.root, [place]);
    }
  });
}

/** The layers below may say something else, and overlayfs heeds the uppermost. */
function noteImplicit(
  { note }: LayerSource,
  { digest }: LockedBaseLayer,
  directories: readonly string[],
): void {
  const [first] = directories;
  if (first === undefined) return;
  const others = directories.length === 1 ? "" : ` and ${directories.length - 1} more`;
  note(
    `layer ${digest}: has no entry for the directory ${JSON.stringify(first)}${others}: root's, mode 0755`,
  );
}

async function unpack(
  { base, client, repository, store }: LayerSource,
  layer: LockedBaseLayer,
  place: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<UnpackedLayer> {
  const { compression, diffID, digest, size } = layer;
  const descriptor = { mediaType: "application/octet-stream", digest, size };
  const blob = openBlob(client, repository, descriptor, { verify: false, signal });
  const input = Readable.from(counted(blob, onBytes), { objectMode: false });
  const given = { compression, diffID, digest, input, signal, size };
  try {
    return await unpackLayer({ store: store.root, root: place, ...given });
  } catch (cause) {
    if (!(cause instanceof DevenvError) || !/^DEVENV_(UNPACK_LAYER_FAILED|LAYER_TRANSFER)$/.test(cause.code))
      throw cause;
    throw new DevenvError(cause.code, `${base.reference}: layer ${digest}: ${cause.message}`, { cause });
  }
}

/** The environment variables of the image's configuration, which is kept in the store. */
async function variablesOf(
  { client, repository, store }: LayerSource,
  base: LockedImageBase,
): Promise<Record<string, string>> {
  const { digest, size } = base.config;
  const file = store.blobPath(digest.replace("sha256:", ""));
  let bytes: Uint8Array | undefined = await readFile(file).catch(() => undefined);
  if (bytes === undefined) {
    const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size };
    bytes = await readBlob(client, repository, descriptor);
    await writeFileAtomic(file, bytes);
  }
  const { env } = readImageConfig(bytes, base.layers.length, `${base.reference}@${base.digest}`);
  return Object.fromEntries(
    env.map((variable) => {
      const equals = variable.indexOf("=");
      return [variable.slice(0, equals), variable.slice(equals + 1)];
    }),
  );
}
