import type { Platform } from "../../lock/types.ts";
import { readBlob } from "./blob.ts";
import type { RegistryClient } from "./client.ts";
import { registryError } from "./errors.ts";
import { type FetchOptions, fetchDescribedManifest, fetchManifest } from "./fetch-manifest.ts";
import { readImageConfig } from "./image-config.ts";
import { imageConfigTypes, manifestKinds } from "./media-types.ts";
import { canonicalPlatform, isAttestation, runnableOn } from "./platform.ts";
import { formatReference } from "./reference.ts";
import type {
  Descriptor,
  FetchedManifest,
  ImageManifest,
  Reference,
  Repository,
  ResolvedImage,
} from "./types.ts";

/** Indexes in indexes; no tool makes more. */
const deepestIndex = 4;

export interface ResolvedReference {
  /** What the reference stands for: an index, or the one image that there is. */
  readonly descriptor: Descriptor;
  /** One image for each platform, in the order they were asked for. */
  readonly images: readonly ResolvedImage[];
}

/**
 * Resolves a reference for platforms: a tag is looked up once, everything behind it is asked for by digest and
 * verified.
 *
 * @throws DevenvError `DEVENV_REGISTRY_PLATFORM` when there is no image for one of them, `DEVENV_REGISTRY_MEDIA_TYPE`
 * for what is no image, and what {@link fetchManifest} and {@link readBlob} throw.
 */
export async function resolveImage(
  client: RegistryClient,
  reference: Reference,
  platforms: readonly Platform[],
  options: FetchOptions = {},
): Promise<ResolvedReference> {
  const top = await fetchManifest(client, reference, options);
  const search: Search = { client, repository: reference, name: formatReference(reference), options };
  const candidates = await candidatesIn(top, search, 0);
  const images: ResolvedImage[] = [];
  for (const platform of platforms) images.push(await imageFor(platform, candidates, search));
  return { descriptor: top.descriptor, images };
}

interface Search {
  readonly client: RegistryClient;
  readonly repository: Repository;
  /** For messages. */
  readonly name: string;
  readonly options: FetchOptions;
}

/** An image in an index, or the one that is there without any. */
interface Candidate {
  readonly descriptor: Descriptor;
  readonly manifest?: ImageManifest;
}

async function candidatesIn(fetched: FetchedManifest, search: Search, depth: number): Promise<Candidate[]> {
  const { descriptor, manifest } = fetched;
  if (manifest.kind === "image") return [{ descriptor, manifest }];
  if (depth >= deepestIndex) {
    throw registryError(
      "DEVENV_REGISTRY_MANIFEST",
      `${search.name}: more than ${deepestIndex} indexes in one another`,
    );
  }
  const candidates: Candidate[] = [];
  for (const entry of manifest.manifests) {
    const kind = manifestKinds.get(entry.mediaType);
    if (kind === undefined || isAttestation(entry)) continue;
    if (kind === "image") candidates.push({ descriptor: entry });
    else {
      const nested = await fetchDescribedManifest(search.client, search.repository, entry, search.options);
      candidates.push(...(await candidatesIn(nested, search, depth + 1)));
    }
  }
  return candidates;
}

/** The image whose platform fits best, of equals the first; where an index names none, the images' own word counts. */
async function imageFor(
  wanted: Platform,
  candidates: readonly Candidate[],
  search: Search,
): Promise<ResolvedImage> {
  const runnable = runnableOn(wanted);
  const named = candidates.flatMap(({ descriptor }) => descriptor.platform ?? []).map(canonicalPlatform);
  const best = runnable.find((platform) => named.includes(platform));
  if (best !== undefined) {
    const chosen = candidates.find(
      ({ descriptor: { platform } }) => platform !== undefined && canonicalPlatform(platform) === best,
    );
    if (chosen !== undefined) return completed(wanted, chosen, search);
  }
  const found = [...named];
  for (const candidate of candidates.filter(({ descriptor }) => descriptor.platform === undefined)) {
    const image = await completed(wanted, candidate, search);
    const platform = canonicalPlatform(image.imageConfig.platform);
    if (runnable.includes(platform)) return image;
    found.push(platform);
  }
  const others = [...new Set(found)].join(", ");
  throw registryError("DEVENV_REGISTRY_PLATFORM", `${search.name}: there is no image for ${wanted}`, {
    hint: others === "" ? "There is no image for any platform." : `There are images for ${others}.`,
  });
}

async function completed(platform: Platform, candidate: Candidate, search: Search): Promise<ResolvedImage> {
  const { client, repository, options } = search;
  const { descriptor } = candidate;
  const manifest = candidate.manifest ?? (await fetchImage(descriptor, search));
  const { config, layers } = manifest;
  const name = formatReference({ ...repository, digest: descriptor.digest });
  if (!imageConfigTypes.includes(config.mediaType)) {
    throw registryError(
      "DEVENV_REGISTRY_MEDIA_TYPE",
      `${name}: is no image: its configuration is ${config.mediaType}`,
    );
  }
  const bytes = await readBlob(client, repository, config, options.signal);
  const imageConfig = readImageConfig(bytes, layers.length, name);
  checkPlatform(descriptor, imageConfig.platform, name);
  return { platform, manifest: descriptor, config, layers, imageConfig };
}

async function fetchImage(descriptor: Descriptor, search: Search): Promise<ImageManifest> {
  const { manifest } = await fetchDescribedManifest(
    search.client,
    search.repository,
    descriptor,
    search.options,
  );
  // Its media type is that of the descriptor, which was one of an image.
  if (manifest.kind !== "image")
    throw new Error("Assertion failed: an index with the media type of an image");
  return manifest;
}

/** Variants are left out of configurations too often to insist on them. */
function checkPlatform({ platform }: Descriptor, own: Platform, name: string): void {
  if (platform === undefined) return;
  const [os, architecture] = platform.split("/");
  const [ownOS, ownArchitecture] = own.split("/");
  if (os === ownOS && architecture === ownArchitecture) return;
  throw registryError(
    "DEVENV_REGISTRY_PLATFORM",
    `${name}: the index says ${platform}, the image itself ${own}`,
  );
}
