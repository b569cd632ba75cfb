import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../files.ts";
import type { LockedBaseLayer, LockedImageBase } from "../lock/index.ts";
import { openRegistries, parseReference, readBlob, readImageConfig } from "../sources/registry/index.ts";
import { noteUse, type Store } from "../store/index.ts";
import { sharedWriteOut } from "./layer.ts";
import type { BuiltLayer } from "./oci.ts";
import { pulledKey } from "./plan.ts";
import { type LayerSource, pullLayer } from "./pull-layer.ts";
import { readRecord, type StepRecord } from "./record.ts";
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
    writeOut: sharedWriteOut(store),
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
  const all: Promise<void>[] = [];
  const work = async (): Promise<void> => {
    for (const layer of queue) await unpacked(layer);
  };
  /** While a layer is written to disk, the next one keeps the processors busy. */
  const unpacked = (layer: LockedBaseLayer): Promise<void> =>
    new Promise((resolve) => {
      const onBytes = (bytes: number): void => report(layer, bytes);
      const pulled = pullLayer(source, layer, { signal, onBytes, onUnpacked: resolve });
      all.push(pulled.catch((error) => failure.abort(error)).finally(resolve));
    });
  await Promise.all(Array.from({ length: pullsAtOnce }, work));
  await Promise.all(all);
  signal.throwIfAborted();
}

/** The environment variables of the image's configuration, which is kept in the store. */
async function variablesOf(
  { client, repository, store }: LayerSource,
  base: LockedImageBase,
): Promise<Record<string, string>> {
  const { digest, size } = base.config;
  const file = store.blobPath(digest.replace(/^sha(256|512):/, ""));
  let bytes: Uint8Array | undefined = await readFile(file).catch(() => undefined);
  if (bytes === undefined || !(await noteUse(store, [file]))[0]) {
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
