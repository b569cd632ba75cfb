import { createHash } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";
import { DevenvError } from "../errors.ts";
import type { Digest, LockedBaseLayer, LockedImage, LockedImageBase, LockedPlatform } from "../lock/index.ts";
import { packLayer } from "../sandbox/index.ts";
import { openBlob, openRegistries, parseReference, type Repository } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { planGrafts, unlimitedEpoch } from "./graft-plan.ts";
import { readKnownLayer } from "./known-layer.ts";
import { type Layer, layerTitle } from "./oci.ts";

/** A layer that can be given away. */
export interface OutgoingLayer extends Layer {
  /**
   * The layer's archive, not compressed. It fails at its end when it has another digest than the diffID, so whoever
   * reads it must not use what came before it ended well.
   */
  open(signal?: AbortSignal): Readable;
  /** What the registry of the base has of it; absent for what devenv made itself. */
  readonly pulled?: PulledLayer;
}

/** A layer of the base as its registry has it. */
export interface PulledLayer extends LockedBaseLayer {
  readonly from: Repository;
  /** The compressed bytes, verified at their end. */
  openCompressed(signal?: AbortSignal): Readable;
}

/**
 * The layers of an image in the store, the lowest first. What devenv built is packed again, which gives the same bytes.
 * An archive that somebody else made cannot be made again from its files: it comes from its registry.
 *
 * @throws DevenvError `DEVENV_NOT_BUILT` when the store does not have one of them.
 */
export async function outgoingLayers(
  store: Store,
  locked: LockedPlatform,
  image: LockedImage,
): Promise<OutgoingLayer[]> {
  const { base } = locked;
  const grafts = new Set(planGrafts(locked).map(({ cacheKey }) => cacheKey));
  return Promise.all(
    image.layers.map(async (layer): Promise<OutgoingLayer> => {
      const { cacheKey, diffID } = layer;
      const step = layerTitle(layer);
      const isOfArchives = step === "directories" || grafts.has(cacheKey);
      const epoch = isOfArchives ? unlimitedEpoch : locked.epoch;
      const record = await readKnownLayer(store, layer);
      if (record === undefined) throw notBuilt(image, diffID);
      const { size } = record;
      const pulled = base.kind === "image" ? base.layers.find((one) => one.diffID === diffID) : undefined;
      if (base.kind !== "image" || pulled === undefined)
        return {
          step,
          diffID,
          size,
          open: (signal) => openPacked(store, diffID, epoch, { isVerified: true, signal }),
        };
      const open = (signal?: AbortSignal) => openPulled(base, pulled, signal);
      return { step, diffID, size, open, pulled: pulledLayer(base, pulled) };
    }),
  );
}

function pulledLayer(base: LockedImageBase, layer: LockedBaseLayer): PulledLayer {
  const { registry, repository } = parseReference(base.reference);
  const openCompressed = (signal?: AbortSignal) => openLayer(base, layer, signal);
  return { ...layer, from: { registry, repository }, openCompressed };
}

function openLayer(base: LockedImageBase, layer: LockedBaseLayer, signal: AbortSignal | undefined): Readable {
  const { digest, size } = layer;
  const descriptor = { mediaType: "application/octet-stream", digest, size };
  return openBlob(openRegistries(), parseReference(base.reference), descriptor, { verify: true, signal });
}

/**
 * The files of a layer in the store as an archive: for what devenv built, the layer's own, which `isVerified` insists
 * on. `epoch` is the one that it was built with; times in the store that are later are set back.
 */
export function openPacked(
  store: Store,
  diffID: Digest,
  epoch: number,
  { isVerified, signal }: { readonly isVerified: boolean; readonly signal?: AbortSignal | undefined },
): Readable {
  const output = new PassThrough();
  const root = `layers/${diffID.replace("sha256:", "")}`;
  packLayer({ store: store.root, root, epoch, output, signal }).then(
    (packed) => {
      if (packed.diffID === diffID || !isVerified) output.end();
      else output.destroy(differs(`${store.root}/${root}`, diffID, packed.diffID));
    },
    (error: Error) => output.destroy(error),
  );
  return output;
}

function openPulled(base: LockedImageBase, layer: LockedBaseLayer, signal?: AbortSignal): Readable {
  return Readable.from(archiveOf(base, layer, signal), { objectMode: false });
}

async function* archiveOf(
  base: LockedImageBase,
  layer: LockedBaseLayer,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  const where = `${base.reference}: layer ${layer.digest}`;
  const blob = openLayer(base, layer, signal);
  const archive = decompressed(blob, layer.compression);
  for (;;) {
    const next = await archive.next().catch((cause: unknown) => {
      signal?.throwIfAborted();
      if (cause instanceof DevenvError) throw cause;
      throw new DevenvError("DEVENV_LAYER_DIFFERS", `${where}: cannot be decompressed`, { cause });
    });
    if (next.done === true) break;
    hash.update(next.value);
    yield next.value;
  }
  const found: Digest = `sha256:${hash.digest("hex")}`;
  if (found !== layer.diffID) throw differs(where, layer.diffID, found);
}

async function* decompressed(
  blob: Readable,
  compression: LockedBaseLayer["compression"],
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === "zstd") yield* unzstd(blob);
  else if (compression === "none") yield* blob as AsyncIterable<Uint8Array>;
  else {
    const gunzip = createGunzip();
    const fed = pipeline(blob, gunzip);
    fed.catch(() => undefined);
    try {
      yield* gunzip as AsyncIterable<Uint8Array>;
    } catch (error) {
      // What the registry failed with says more than that a stream ended early.
      throw blob.errored ?? error;
    }
    await fed;
  }
}

async function* unzstd(blob: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const stream = new Decompress((piece) => ready.push(piece));
  for await (const chunk of blob as AsyncIterable<Uint8Array>) {
    stream.push(chunk);
    yield* ready.splice(0);
  }
  stream.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}

function differs(where: string, expected: Digest, found: Digest): DevenvError {
  return new DevenvError("DEVENV_LAYER_DIFFERS", `${where}: its archive is ${found}, not ${expected}`);
}

function notBuilt(image: LockedImage, diffID: Digest): DevenvError {
  return new DevenvError("DEVENV_NOT_BUILT", `${image.digest}: the store does not have its layer ${diffID}`, {
    hint: "`devenv build` makes the image.",
  });
}
