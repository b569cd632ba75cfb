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
  return {
    versions: found.map(({ fitting }) => [...fitting.keys()]),
    besides: besides(query, found),
    lock: async (version) => {
      const locked: LockedToolchain[] = [];
      for (const [tag, positions] of byTag(found, version)) {
        const asked = positions.flatMap((position) => platforms[position] ?? []);
        const reference = { registry: repository.registry, repository: repository.repository, tag };
        const outcome = await resolveFor(client, reference, asked);
        if (typeof outcome === "string") return outcome;
        const { descriptor, images } = outcome;
        for (const [index, one] of asked.entries()) {
          const [position, image] = [positions[index], images[index]];
          if (position === undefined || image === undefined) continue;
          const words = wordsFor(one, version);
          const name = formatReference(reference);
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

/** The images of a tag for platforms; a sentence when it has none for one of them. */
async function resolveFor(
  client: RegistryClient,
  reference: Reference,
  platforms: readonly QueryPlatform[],
): Promise<Awaited<ReturnType<typeof resolveImage>> | string> {
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
