import { distributionVersions, expand, lockedToolchain } from "../../resolve/index.ts";
import { neededPackages, type OpenOffer, type QueryPlatform, wordsFor } from "./offer.ts";

/** Toolchains that are packages of the base's distribution. */
export const distributionOffer: OpenOffer = async ({ language, platforms }) => {
  const offers = platforms.map((one) => {
    const { facts, index } = one;
    const sources = language.distribution ?? {};
    const source = Object.hasOwn(sources, facts.distribution) ? sources[facts.distribution] : undefined;
    if (index === undefined || source === undefined) return undefined;
    return { one, source, found: distributionVersions(source, index) };
  });
  const known = offers.filter((offer) => offer !== undefined);
  if (known.length < platforms.length) return reasonFor(platforms);
  return {
    versions: known.map(({ found }) => found.map(({ version }) => version)),
    lock: async (version) =>
      known.map(({ one, source, found }) => {
        const name = found.find((candidate) => candidate.version === version)?.name ?? "";
        const words = { ...wordsFor(one, version), 1: name };
        return lockedToolchain(language, source, words, {
          version,
          source: "distribution",
          parts: [],
          packages: [...source.packages.map((text) => expand(text, words)), ...neededPackages(language, one)],
        });
      }),
  };
};

function reasonFor(platforms: readonly QueryPlatform[]): string {
  const without = platforms.find(({ index }) => index === undefined);
  if (without !== undefined) return "packages of this base are not known";
  return `it is not known which packages of ${platforms[0]?.facts.distribution || "this base"} it would be`;
}
