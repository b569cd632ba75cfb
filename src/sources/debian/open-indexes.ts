import { join } from "node:path";
import { DevenvError } from "../../errors.ts";
import { writeFileAtomic } from "../../files.ts";
import type { LockedRelease } from "../../lock/types.ts";
import { fetchPackages } from "./archive.ts";
import { CompactIndex, isCompactOf } from "./compact-read.ts";
import { currentRelease, indexDirectory, mirrorsFor, offline, type Part } from "./current-release.ts";
import { readWhole, removeOthers } from "./index-files.ts";
import { mergeIndexes } from "./package-index.ts";
import { isoDate } from "./release.ts";
import type { ReleaseRecord } from "./release-record.ts";
import type { OpenIndexesOptions, PackageIndex, Suite } from "./types.ts";

/**
 * The packages of a release for each architecture, from the store when the archive was asked less than an hour ago,
 * else after asking it for news. Everything is checked down to the archive's signature before it gets into the store.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_…`: see {@link fetchRelease} and {@link fetchPackages}; `_ARCHITECTURE` when the
 *   release is not made for one of the architectures; `_OFFLINE` when the network is needed and not allowed.
 */
export async function openIndexes(
  suite: Suite,
  architectures: readonly string[],
  options: OpenIndexesOptions,
): Promise<Map<string, PackageIndex>> {
  const directory = await indexDirectory(options);
  const loaded = await whenAllAreDone(
    partsOf(suite).map(async (part) => {
      const release = await currentRelease(directory, part, options);
      const files = await whenAllAreDone(
        architectures.map((architecture) => compactFile(directory, part, release, architecture, options)),
      );
      return { part, release, files };
    }),
  );
  const releases: LockedRelease[] = loaded.map(({ part, release }) => ({
    archive: part.archive,
    suite: part.suite,
    date: isoDate(release.date),
    sha256: release.sha256,
  }));
  return new Map(
    architectures.map((architecture, number) => {
      const indexes = loaded.flatMap(({ part, files }, suitesBefore) => {
        const file = files[number];
        return file === undefined ? [] : [new CompactIndex(file, { ...part, suitesBefore })];
      });
      return [architecture, mergeIndexes(architecture, releases, indexes)];
    }),
  );
}

/** As `Promise.all`, but when one fails nothing goes on in the background. */
async function whenAllAreDone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

/** In the order in which apt's own sources list them by habit. */
function partsOf(suite: Suite): Part[] {
  return [
    { archive: "debian", suite },
    { archive: "debian", suite: `${suite}-updates` },
    { archive: "debian-security", suite: `${suite}-security` },
  ];
}

/** The compact form of a Packages file; its name holds the digest that the release lists. */
async function compactFile(
  directory: string,
  part: Part,
  release: ReleaseRecord,
  architecture: string,
  options: OpenIndexesOptions,
): Promise<Buffer> {
  const index = release.indexes[architecture];
  if (index === undefined) {
    throw new DevenvError(
      "DEVENV_ARCHIVE_ARCHITECTURE",
      `${part.suite} has no packages for ${architecture}`,
      {
        hint: `It has some for: ${Object.keys(release.indexes).sort().join(", ")}.`,
      },
    );
  }
  const { sha256 } = index.unpacked;
  const prefix = `${part.suite}_${architecture}_`;
  const file = join(directory, `${prefix}${sha256}.index`);
  const stored = await readWhole(file);
  if (stored !== undefined && isCompactOf(stored, sha256)) return stored;
  if (options.offline === true) throw offline(`the index of ${part.suite} for ${architecture}`);
  const packages = await fetchPackages(mirrorsFor(part, release, options), part.suite, release, index);
  const { compactPackages } = await import("./compact-write.ts");
  const name = `${part.suite} ${index.unpacked.path}`;
  const compact = compactPackages(packages, { architecture, sha256, name });
  await writeFileAtomic(file, compact);
  await removeOthers(directory, prefix, sha256);
  return compact;
}
