import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { endOfDay } from "../../day.ts";
import { DevenvError } from "../../errors.ts";
import { fetchRelease } from "./archive.ts";
import { checkRelease } from "./release.ts";
import { type ReleaseRecord, readReleaseRecord, writeReleaseRecord } from "./release-record.ts";
import type { ArchiveName, OpenIndexesOptions } from "./types.ts";

/** How long a look at the archive is good for. */
const freshness = 60 * 60_000;

/** One suite of a release. */
export interface Part {
  readonly archive: ArchiveName;
  readonly suite: string;
}

/**
 * What the archive says of a suite: from the store when it was asked less than an hour ago, else after asking it.
 *
 * @param directory where the store keeps indexes.
 * @throws DevenvError `DEVENV_ARCHIVE_OFFLINE` when the network is needed and not allowed; else see
 *   {@link fetchRelease}.
 */
export async function currentRelease(
  directory: string,
  part: Part,
  options: OpenIndexesOptions,
): Promise<ReleaseRecord> {
  const { asOf } = options;
  const now = options.now ?? (asOf === undefined ? new Date() : endOfDay(asOf));
  const known = await readReleaseRecord(directory, part.suite);
  if (known !== undefined) {
    const age = now.getTime() - known.checkedAt;
    const isExpired = known.validUntil !== undefined && known.validUntil < now.getTime();
    // What is past does not change any more.
    const isNew = asOf !== undefined || (age >= 0 && age < freshness);
    const isFresh = isNew && !isExpired && options.refresh !== true;
    if (options.offline === true) checkRelease(known, part.suite, known.url, now);
    if (isFresh || options.offline === true) return known;
  }
  if (options.offline === true) throw offline(`the index of ${part.suite}`);
  const keys = options.keys ?? (await import("./keys/index.ts")).debianArchiveKeys;
  const record = await fetchRelease(options.mirrors[part.archive], part.suite, { known, keys, now });
  await writeReleaseRecord(directory, part.suite, record);
  return record;
}

/** Where the store keeps indexes: those of each day that somebody asked for apart. */
export async function indexDirectory({ asOf, store }: OpenIndexesOptions): Promise<string> {
  const directory = join(store.root, "indexes", asOf ?? "");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** The one that gave the release first: what another has may be older or newer. */
export function mirrorsFor(part: Part, release: ReleaseRecord, options: OpenIndexesOptions): string[] {
  const gaveRelease = (mirror: string) => release.url.startsWith(`${mirror}/dists/`);
  return [...options.mirrors[part.archive]].sort((a, b) => Number(gaveRelease(b)) - Number(gaveRelease(a)));
}

/** The error for what would have to be fetched. */
export function offline(what: string): DevenvError {
  return new DevenvError(
    "DEVENV_ARCHIVE_OFFLINE",
    `${what} is not in the store, and the network must not be used`,
    {
      hint: "Run the command once with the network.",
    },
  );
}
