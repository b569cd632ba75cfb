import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DevenvError } from "../../errors.ts";
import { writeFileAtomic } from "../../files.ts";
import type { LockedRelease } from "../../lock/types.ts";
import { fetchPackages, fetchRelease } from "./archive.ts";
import { CompactIndex, isCompactOf } from "./compact-read.ts";
import { mergeIndexes } from "./package-index.ts";
import { checkRelease, isoDate } from "./release.ts";
import { type ReleaseRecord, readReleaseRecord, writeReleaseRecord } from "./release-record.ts";
import type { ArchiveName, OpenIndexesOptions, PackageIndex, Suite } from "./types.ts";

/** How long a look at the archive is good for. */
const freshness = 60 * 60_000;

/** No index takes that long to write. */
const partLifetime = 60 * 60_000;

/** One suite of a release. */
interface Part {
  readonly archive: ArchiveName;
  readonly suite: string;
}

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
  const directory = join(options.store.root, "indexes");
  await mkdir(directory, { recursive: true, mode: 0o700 });
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

async function currentRelease(
  directory: string,
  part: Part,
  options: OpenIndexesOptions,
): Promise<ReleaseRecord> {
  const now = options.now ?? new Date();
  const known = await readReleaseRecord(directory, part.suite);
  if (known !== undefined) {
    const age = now.getTime() - known.checkedAt;
    const isExpired = known.validUntil !== undefined && known.validUntil < now.getTime();
    const isFresh = age >= 0 && age < freshness && !isExpired && options.refresh !== true;
    if (options.offline === true) checkRelease(known, part.suite, known.url, now);
    if (isFresh || options.offline === true) return known;
  }
  if (options.offline === true) throw offline(`the index of ${part.suite}`);
  const keys = options.keys ?? (await import("./keys/index.ts")).debianArchiveKeys;
  const record = await fetchRelease(options.mirrors[part.archive], part.suite, { known, keys, now });
  await writeReleaseRecord(directory, part.suite, record);
  return record;
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

/** The one that gave the release first: what another has may be older or newer. */
function mirrorsFor(part: Part, release: ReleaseRecord, options: OpenIndexesOptions): string[] {
  const gaveRelease = (mirror: string) => release.url.startsWith(`${mirror}/dists/`);
  return [...options.mirrors[part.archive]].sort((a, b) => Number(gaveRelease(b)) - Number(gaveRelease(a)));
}

/** In one read, which takes a third of the time that `readFile` does with its pieces. */
async function readWhole(file: string): Promise<Buffer | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file);
  } catch {
    return undefined;
  }
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await handle.read(buffer, 0, size, 0);
    return bytesRead === size ? buffer : undefined;
  } finally {
    await handle.close();
  }
}

/**
 * Removes indexes that a newer one replaces, and what a killed process left half written. A process that was about to
 * read one of them makes it anew.
 */
async function removeOthers(directory: string, prefix: string, sha256: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const isReplaced = name.startsWith(prefix) && !name.includes(sha256);
    const isPart = name.startsWith(`.${prefix}`) && (await ageOf(path)) > partLifetime;
    if (isReplaced || isPart) await rm(path, { force: true });
  }
}

async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}

function offline(what: string): DevenvError {
  return new DevenvError(
    "DEVENV_ARCHIVE_OFFLINE",
    `${what} is not in the store, and the network must not be used`,
    {
      hint: "Run the command once with the network.",
    },
  );
}
