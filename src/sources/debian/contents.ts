import { join } from "node:path";
import { DevenvError } from "../../errors.ts";
import { writeFileAtomic } from "../../files.ts";
import { fetchListed } from "./archive.ts";
import { chooseLibraryPackage, type LibraryPackage } from "./choose-library.ts";
import { currentRelease, indexDirectory, mirrorsFor, offline, type Part } from "./current-release.ts";
import { firstOf } from "./fetch.ts";
import { readWhole, removeOthers } from "./index-files.ts";
import { parseLibraries, readLibraries, writeLibraries } from "./library-list.ts";
import type { ReleaseIndex } from "./release.ts";
import type { ReleaseRecord } from "./release-record.ts";
import type { OpenIndexesOptions, Suite } from "./types.ts";

/**
 * The packages of a release that ship a library of the given names where the loader of the architecture looks, the best
 * first; without an entry for a library that none ships. Never a package for developers or of debug information.
 *
 * It is from the archive's list of all files, some 10 MB to fetch and checked down to the archive's signature, of
 * which the store keeps the libraries: asked again, the answer comes from there. The archive has no such list for its
 * security updates, which bring newer versions of packages, hardly ever new libraries.
 *
 * @param architecture as Debian calls it: `amd64`.
 * @throws DevenvError `DEVENV_ARCHIVE_…` as `openIndexes` does; `_ARCHITECTURE` when the release has no list.
 */
export async function findLibraryPackages(
  suite: Suite,
  architecture: string,
  sonames: readonly string[],
  options: OpenIndexesOptions,
): Promise<Map<string, string[]>> {
  const directory = await indexDirectory(options);
  const parts: Part[] = [
    { archive: "debian", suite },
    { archive: "debian", suite: `${suite}-updates` },
  ];
  const lists: ReadonlyMap<string, readonly LibraryPackage[]>[] = [];
  for (const part of parts) lists.push(await librariesOf(directory, part, architecture, options));
  const found = new Map<string, string[]>();
  for (const soname of sonames) {
    const packages = lists.flatMap((list) => list.get(soname) ?? []);
    if (packages.length > 0) found.set(soname, chooseLibraryPackage(soname, packages));
  }
  return found;
}

async function librariesOf(
  directory: string,
  part: Part,
  architecture: string,
  options: OpenIndexesOptions,
): Promise<ReadonlyMap<string, readonly LibraryPackage[]>> {
  const release = await currentRelease(directory, part, options);
  const index = release.contents[architecture];
  if (index === undefined) {
    // Where nothing was updated there may be none.
    if (part.suite.endsWith("-updates")) return new Map();
    throw new DevenvError(
      "DEVENV_ARCHIVE_ARCHITECTURE",
      `${part.suite} has no list of the files for ${architecture}`,
      { hint: `It has some for: ${Object.keys(release.contents).sort().join(", ")}.` },
    );
  }
  const { sha256 } = index.file;
  const prefix = `${part.suite}_contents-${architecture}_`;
  const file = join(directory, `${prefix}${sha256}.libraries`);
  const stored = await readWhole(file);
  const known = stored === undefined ? undefined : readLibraries(stored);
  if (known !== undefined) return known;
  if (options.offline === true) throw offline(`the list of the files of ${part.suite} for ${architecture}`);
  const libraries = await fetchLibraries(part, release, index, architecture, options);
  await writeFileAtomic(file, writeLibraries(libraries));
  await removeOthers(directory, prefix, sha256);
  return libraries;
}

function fetchLibraries(
  part: Part,
  release: ReleaseRecord,
  index: ReleaseIndex,
  architecture: string,
  options: OpenIndexesOptions,
): Promise<Map<string, LibraryPackage[]>> {
  return firstOf(mirrorsFor(part, release, options), async (mirror) => {
    const packed = await fetchListed(mirror, part.suite, release, index.file);
    const name = `${mirror}/dists/${part.suite}/${index.file.path}`;
    return await parseLibraries({ name, packed, unpackedSize: index.unpacked.size }, architecture);
  });
}
