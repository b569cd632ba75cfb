import { join, relative } from "node:path";
import { timed } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import type { LockedBaseLayer, LockedImageBase } from "../lock/index.ts";
import { packLayer, removePaths, type UnpackedLayer, unpackLayer } from "../sandbox/index.ts";
import {
  type BlobServer,
  openBlob,
  type RegistryClient,
  type Repository,
} from "../sources/registry/index.ts";
import { type Store, withStoreLock } from "../store/index.ts";
import { unlimitedEpoch } from "./graft-plan.ts";
import { isThere, keepLayer } from "./layer.ts";
import { untilRecorded } from "./once.ts";
import { pulledKey } from "./plan.ts";
import { type StepRecord, writeRecord } from "./record.ts";

/** From where to where. */
export interface LayerSource {
  readonly store: Store;
  /** The image that the layers belong to; the reference is for messages. */
  readonly base: Pick<LockedImageBase, "reference">;
  readonly client: RegistryClient;
  readonly repository: Repository;
  /** What progress calls the layers: `base`, or `image` for all of an image. */
  readonly step: string;
  /** Resolves when everything written before is on disk. */
  readonly writeOut: () => Promise<void>;
  /** Told what a person should know. */
  readonly note: (text: string) => void;
}

export interface PullLayerOptions {
  readonly signal: AbortSignal;
  /** Told how many bytes came; fewer than before when another server has to bring all of them. */
  readonly onBytes: (bytes: number) => void;
  /** Told when only the disk is left to wait for. */
  readonly onUnpacked: () => void;
}

/**
 * Brings one layer into the store, unless it is there.
 *
 * @throws DevenvError when no server has it, or none has the right one.
 */
export async function pullLayer(
  source: LayerSource,
  layer: LockedBaseLayer,
  options: PullLayerOptions,
): Promise<void> {
  const { store } = source;
  const hex = layer.diffID.replace("sha256:", "");
  await withStoreLock(store, `layer-${hex}`, async () => {
    options.signal.throwIfAborted();
    await untilRecorded(store, pulledKey(layer), () => pull(source, layer, options));
  });
}

async function pull(source: LayerSource, layer: LockedBaseLayer, options: PullLayerOptions): Promise<void> {
  const { store } = source;
  const short = layer.diffID.slice("sha256:".length, "sha256:".length + 12);
  const place = relative(store.root, await store.temporaryPath("layer", "layers"));
  try {
    const { hidesLower, implicitDirectories, size } = await timed(`layer ${short}`, () =>
      unpackFromAny(source, layer, place, options),
    );
    options.onUnpacked();
    const [{ diffID: packed }] = await Promise.all([
      timed(`layer ${short}: pack`, () =>
        packLayer({ store: store.root, root: place, epoch: unlimitedEpoch, keeps: true }),
      ),
      timed(`layer ${short}: write out`, source.writeOut),
    ]);
    await keepLayer(store, place, layer.diffID);
    const record: StepRecord = { diffID: layer.diffID, implicitDirectories, packed, size };
    await writeRecord(store, pulledKey(layer), hidesLower ? { ...record, hidesLower } : record);
  } finally {
    if (await isThere(join(store.root, place))) await removePaths(store.root, [place]);
  }
}

/**
 * Where what came is not what the digest says, the servers behind the one that it came from may have the right bytes:
 * they are asked, each at most once. Damage shows as bad data before the digest does, so that counts as well.
 */
async function unpackFromAny(
  source: LayerSource,
  layer: LockedBaseLayer,
  place: string,
  options: PullLayerOptions,
): Promise<UnpackedLayer> {
  for (let skip = 0; ; ) {
    let from: BlobServer | undefined;
    const onServer = (server: BlobServer): void => {
      from ??= server;
    };
    try {
      return await unpack(source, layer, place, options, { skip, onServer });
    } catch (error) {
      if (from === undefined || from.last || !isBadContent(error)) throw error;
      source.note(`layer ${layer.digest}: what ${from.url} sent is not it; the next server is asked`);
      skip = from.position + 1;
      await removePaths(source.store.root, [place]);
    }
  }
}

function isBadContent(error: unknown): error is DevenvError {
  return error instanceof DevenvError && /^DEVENV_(UNPACK_LAYER_FAILED|LAYER_TRANSFER)$/.test(error.code);
}

async function unpack(
  { base, client, repository, store }: LayerSource,
  layer: LockedBaseLayer,
  place: string,
  { onBytes, signal }: PullLayerOptions,
  servers: { readonly skip: number; readonly onServer: (server: BlobServer) => void },
): Promise<UnpackedLayer> {
  const { compression, diffID, digest, size } = layer;
  const descriptor = { mediaType: "application/octet-stream", digest, size };
  const input = openBlob(client, repository, descriptor, { verify: false, signal, onBytes, ...servers });
  const given = { compression, diffID, digest, input, signal, size };
  try {
    return await unpackLayer({ store: store.root, root: place, ...given });
  } catch (cause) {
    if (!isBadContent(cause)) throw cause;
    throw new DevenvError(cause.code, `${base.reference}: layer ${digest}: ${cause.message}`, { cause });
  }
}
