import { DevenvError } from "../../errors.ts";
import type { LockedToolchain } from "../../lock/index.ts";
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
        const reference = { registry: repository.registry, repository: repository.repository, tag };
        const asked = positions.flatMap((position) => platforms[position] ?? []);
        const names = asked.map(({ platform }) => platform);
        let resolved: Awaited<ReturnType<typeof resolveImage>>;
        try {
          // The others' image, also when the tag has got another one since.
          const digest = indexOf(platforms, formatReference(reference));
          resolved = await resolveImage(
            client,
            digest === undefined ? reference : { ...reference, digest },
            names,
          );
        } catch (error) {
          if (error instanceof DevenvError && error.code === "DEVENV_REGISTRY_PLATFORM") return error.message;
          throw error;
        }
        resolved.images.forEach((image, index) => {
          const one = asked[index];
          const position = positions[index];
          if (one === undefined || position === undefined) return;
          const words = wordsFor(one, version);
          locked[position] = lockedToolchain(language, source, words, {
            version,
            source: "image",
            parts: [
              {
                kind: "image",
                reference: formatReference(reference),
                ...lockedManifest(resolved.descriptor, image),
                ...placementOf(source, words),
              },
            ],
            packages: neededPackages(language, one),
          });
        });
      }
      return locked;
    },
  };
};

/** The positions of the platforms that have a tag, by tag; one for all as long as all have the same base. */
function byTag(found: readonly ImageVersions[], version: string): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  found.forEach(({ fitting }, position) => {
    const tag = fitting.get(version);
    if (tag !== undefined) positions.set(tag, [...(positions.get(tag) ?? []), position]);
  });
  return positions;
}

function indexOf(platforms: readonly QueryPlatform[], reference: string) {
  const parts = platforms.flatMap(({ previous }) => previous?.parts ?? []);
  const same = parts.filter((part) => part.kind === "image" && part.reference === reference);
  return same.flatMap((part) => (part.kind === "image" ? (part.index ?? []) : []))[0];
}

/** Versions that would fit but are made for other releases. */
function besides({ language, range }: Query, found: readonly ImageVersions[]): string | undefined {
  const others = new Map(found.flatMap((one) => [...one.others]));
  const [newest] = newestFirst(language.ranges, [...others.keys()].filter(range.matches));
  if (newest === undefined) return undefined;
  const near = nearVersions(language, range, [...others.keys()].filter(range.matches));
  return `${near}, made for ${(others.get(newest) ?? []).join(" and ")}`;
}
