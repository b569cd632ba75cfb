import { DevenvError } from "../../errors.ts";
import type { BlobDigest, LockedToolchain } from "../../lock/index.ts";
import {
  type ImageVersions,
  imageVersions,
  lockedToolchain,
  nearVersions,
  newestFirst,
  placementOf,
} from "../../resolve/index.ts";
import {
  formatReference,
  listTags,
  openRegistries,
  parseReference,
  type Reference,
  type RegistryClient,
  type ResolvedReference,
  resolveImage,
} from "../../sources/registry/index.ts";
import { lockedManifest } from "../locked-image.ts";
import { neededPackages, type OpenOffer, type Query, type QueryPlatform, wordsFor } from "./offer.ts";

/** Toolchains in the language's official image. */
export const imageOffer: OpenOffer = async (query) => {
  const { language, platforms, environment, patience } = query;
  const source = language.image;
  if (source === undefined) throw new Error(`Assertion failed: ${language.name} has no image`);
  if (platforms.some(({ facts }) => facts.libc === "unknown"))
    return "the C library of the base is not known";
  const client = openRegistries({ environment, ...(patience === undefined ? {} : { patience }) });
  const repository = parseReference(source.repository);
  const tags = await listTags(client, repository);
  const found = platforms.map(({ facts }) => imageVersions(source, facts, tags));
  const resolve = resolverOf(client, repository, query, found);
  return {
    versions: found.map(({ fitting }) => [...fitting.keys()]),
    besides: besides(query, found),
    // An image is built anew for as long as it is the newest of its line. Whoever names one version wants that.
    releasedAt: async (version) => {
      if (query.range.exact === version) return 0;
      const outcomes = await resolve(version);
      // Old versions lack platforms that newer ones have; lock() tells of it.
      if (typeof outcomes === "string") return 0;
      const created = outcomes.flatMap(({ images }) =>
        images.map(({ imageConfig }) => Date.parse(imageConfig.created ?? "")),
      );
      return created.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...created);
    },
    lock: async (version) => {
      const locked: LockedToolchain[] = [];
      const outcomes = await resolve(version);
      if (typeof outcomes === "string") return outcomes;
      for (const { descriptor, images, name, positions } of outcomes) {
        for (const [index, position] of positions.entries()) {
          const [one, image] = [platforms[position], images[index]];
          if (one === undefined || image === undefined) continue;
          const words = wordsFor(one, version);
          const content = { ...lockedManifest(name, descriptor, image), ...placementOf(source, words) };
          locked[position] = lockedToolchain(language, source, words, {
            version,
            source: "image",
            parts: [{ kind: "image", reference: name, ...content }],
            packages: neededPackages(language, one),
          });
        }
      }
      return locked;
    },
  };
};

/** The images of one tag of a version. */
interface TagImages extends ResolvedReference {
  /** With registry and tag. */
  readonly name: string;
  /** Of the platforms that they are for, in the order of the images. */
  readonly positions: readonly number[];
}

/** Finds the images of a version, each once; a sentence when there is none for a platform. */
function resolverOf(
  client: RegistryClient,
  { registry, repository }: Reference,
  { platforms }: Query,
  found: readonly ImageVersions[],
): (version: string) => Promise<readonly TagImages[] | string> {
  const known = new Map<string, Promise<readonly TagImages[] | string>>();
  const resolve = async (version: string): Promise<readonly TagImages[] | string> => {
    const all: TagImages[] = [];
    for (const [tag, positions] of byTag(found, version)) {
      const asked = positions.flatMap((position) => platforms[position] ?? []);
      const reference = { registry, repository, tag };
      const outcome = await resolveFor(client, reference, asked);
      if (typeof outcome === "string") return outcome;
      all.push({ ...outcome, name: formatReference(reference), positions });
    }
    return all;
  };
  return async (version) => {
    const before = known.get(version) ?? resolve(version);
    known.set(version, before);
    return await before;
  };
}

/** The images of a tag for platforms; a sentence when it has none for one of them. */
async function resolveFor(
  client: RegistryClient,
  reference: Reference,
  platforms: readonly QueryPlatform[],
): Promise<ResolvedReference | string> {
  // The locked platforms' image, also when the tag has got another one since.
  const index = lockedIndex(platforms, formatReference(reference));
  const wanted = index === undefined ? reference : { ...reference, digest: index };
  try {
    return await resolveImage(
      client,
      wanted,
      platforms.map(({ platform }) => platform),
    );
  } catch (error) {
    if (error instanceof DevenvError && error.code === "DEVENV_REGISTRY_PLATFORM") return error.message;
    throw error;
  }
}

/** The positions of the platforms that have a tag, by tag; one for all as long as all have the same base. */
function byTag(found: readonly ImageVersions[], version: string): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  found.forEach(({ fitting }, position) => {
    const tag = fitting.get(version);
    if (tag !== undefined) positions.set(tag, [...(positions.get(tag) ?? []), position]);
  });
  return positions;
}

function lockedIndex(platforms: readonly QueryPlatform[], reference: string): BlobDigest | undefined {
  const parts = platforms.flatMap(({ previous }) => previous?.parts ?? []);
  return parts.flatMap((part) =>
    part.kind === "image" && part.reference === reference ? (part.index ?? []) : [],
  )[0];
}

/** Versions that would fit but are made for other releases. */
function besides({ language, range }: Query, found: readonly ImageVersions[]): string | undefined {
  const others = new Map(found.flatMap((one) => [...one.others]));
  const [newest] = newestFirst(language.ranges, [...others.keys()].filter(range.matches));
  if (newest === undefined) return undefined;
  const near = nearVersions(language, range, [...others.keys()].filter(range.matches));
  return `${near}, made for ${(others.get(newest) ?? []).join(" and ")}`;
}
