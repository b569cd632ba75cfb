import type { StoreContents, StoredItem } from "../../build/contents.ts";
import type { Digest } from "../../lock/index.ts";
import type { Roots } from "./roots.ts";

/** What is to be taken away, by kind, in the order in which it is: what names something goes before what it names. */
export interface CollectionPlan {
  readonly images: readonly StoredItem[];
  readonly steps: readonly StoredItem[];
  readonly layers: readonly StoredItem[];
  readonly derived: readonly StoredItem[];
  readonly blobs: readonly StoredItem[];
  readonly indexes: readonly StoredItem[];
  readonly facts: readonly StoredItem[];
  readonly projects: readonly StoredItem[];
}

/** Contents of blobs that are descriptions of images, by the image: hexadecimal digests of manifest and configuration. */
export type ImageBlobs = ReadonlyMap<Digest, readonly string[]>;

/**
 * Decides what nobody needs.
 *
 * What is needed (reachable): the layers on which environments stand and those that are mounted, whatever is written down;
 * what the locks of the environments' projects record; and what was used since `limit`, with everything it stands on: an
 * image its layers and its descriptions among the blobs, a step its layer. Downloaded packages, indexes of archives and
 * facts of images are needed for as long as they are used; all of them come again. Volumes are parts of environments,
 * and these are nobody's to collect: only `devenv rm` removes one.
 *
 * Where an environment's state is damaged nobody knows on which layers it stands: then all layers are kept, and everything
 * that names one.
 *
 * @param limit milliseconds since 1970; nothing that was used later is taken. It lies before the oldest lease.
 */
export function planCollection(
  contents: StoreContents,
  roots: Roots,
  imageBlobs: ImageBlobs,
  limit: number,
): CollectionPlan {
  const isOld = ({ used }: StoredItem): boolean => used <= limit;
  const isUnclear = roots.unclear.length > 0;
  const keptImages = contents.images.filter(
    (image) => isUnclear || !isOld(image) || roots.images.has(image.digest),
  );
  const keptLayers = new Set<Digest>([
    ...roots.layers,
    ...keptImages.flatMap(({ layers }) => layers ?? []),
    ...contents.steps.flatMap((step) =>
      step.record === undefined || isOld(step) ? [] : [step.record.diffID],
    ),
    ...contents.layers.flatMap((layer) => (isUnclear || !isOld(layer) ? [layer.diffID] : [])),
  ]);
  const there = new Set(contents.layers.map(({ diffID }) => diffID));
  const isKept = (diffID: Digest | undefined): boolean =>
    diffID !== undefined && keptLayers.has(diffID) && there.has(diffID);
  const keptBlobs = new Set([
    ...roots.blobs,
    ...keptImages.flatMap(({ digest }) => imageBlobs.get(digest) ?? []),
  ]);
  const images = contents.images.filter((image) => !keptImages.includes(image));
  return {
    images,
    steps: contents.steps.filter((step) => isOld(step) && !isKept(step.record?.diffID)),
    layers: contents.layers.filter(({ diffID }) => !keptLayers.has(diffID)),
    derived: contents.derived.filter((item) => isOld(item) && !isKept(`sha256:${item.name}`)),
    blobs: contents.blobs.filter((blob) => isOld(blob) && !keptBlobs.has(blob.name)),
    indexes: contents.indexes.filter(isOld),
    facts: contents.facts.filter(isOld),
    projects: contents.projects.filter(
      (item) => isOld(item) && !roots.projects.has(item.name.replace(/\.\w+$/, "")),
    ),
  };
}
