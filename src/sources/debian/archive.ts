import { createHash } from "node:crypto";
import { DevenvError } from "../../errors.ts";
import { decompress } from "./decompress.ts";
import { fetchFile, firstOf } from "./fetch.ts";
import { checkRelease, isoDate, parseRelease, type ReleaseFile, type ReleaseIndex } from "./release.ts";
import { format, type ReleaseRecord } from "./release-record.ts";
import { verifyClearsigned } from "./signature.ts";

/** The largest InRelease file that is read; Debian's have up to 200 kB. */
const maximumReleaseSize = 8 << 20;

/** What {@link fetchRelease} checks a release against. */
export interface ReleaseChecks {
  /** What the store has: it is never replaced by something older. */
  readonly known: ReleaseRecord | undefined;
  readonly keys: readonly string[];
  readonly now: Date;
}

/**
 * Asks the mirrors, one after the other, for the current InRelease file of a suite, and checks it.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_UNREACHABLE`, `_SIGNATURE`, `_MALFORMED`, `_MISMATCH`, `_EXPIRED`,
 *   `_NOT_YET_VALID` or `_ROLLBACK`.
 */
export async function fetchRelease(
  mirrors: readonly string[],
  suite: string,
  checks: ReleaseChecks,
): Promise<ReleaseRecord> {
  return await firstOf(mirrors, async (mirror) => {
    const url = `${mirror}/dists/${suite}/InRelease`;
    const record = await fetchRecord(url, checks);
    checkRelease(record, suite, url, checks.now);
    if (checks.known !== undefined && record.date < checks.known.date) {
      throw new DevenvError(
        "DEVENV_ARCHIVE_ROLLBACK",
        `${url}: is of ${isoDate(record.date)}, older than the one of ${isoDate(checks.known.date)} that was here before`,
        { hint: "The mirror is behind, or someone replays an old index. Try another mirror." },
      );
    }
    return record;
  });
}

async function fetchRecord(url: string, { known, keys, now }: ReleaseChecks): Promise<ReleaseRecord> {
  const headers: Record<string, string> = { "cache-control": "max-age=0" };
  if (known?.url === url) {
    if (known.etag !== undefined) headers["if-none-match"] = known.etag;
    else if (known.lastModified !== undefined) headers["if-modified-since"] = known.lastModified;
  }
  const fetched = await fetchFile(url, { maximumSize: maximumReleaseSize, headers });
  const seen = { checkedAt: now.getTime(), url };
  if (fetched === undefined) {
    if (known?.url === url) return { ...known, ...seen };
    throw new DevenvError("DEVENV_ARCHIVE_UNREACHABLE", `${url}: the server answers with status 304 unasked`);
  }
  const validators = {
    ...(fetched.etag === undefined ? {} : { etag: fetched.etag }),
    ...(fetched.lastModified === undefined ? {} : { lastModified: fetched.lastModified }),
  };
  if (known?.sha256 === fetched.sha256) {
    const { etag: _, lastModified: __, ...rest } = known;
    return { ...rest, ...seen, ...validators };
  }
  const text = await verifyClearsigned(fetched.content, keys, url, now);
  return { format, ...parseRelease(text, url), sha256: fetched.sha256, ...seen, ...validators };
}

/**
 * Fetches the Packages file of one architecture from the mirrors, and unpacks it. Its size and digest are those that
 * the release lists, packed and unpacked.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_UNREACHABLE` or `DEVENV_ARCHIVE_ALTERED`.
 */
export async function fetchPackages(
  mirrors: readonly string[],
  suite: string,
  release: Pick<ReleaseRecord, "byHash">,
  index: ReleaseIndex,
): Promise<Buffer> {
  return await firstOf(mirrors, async (mirror) => {
    const url = `${mirror}/dists/${suite}/${index.file.path}`;
    const content = await fetchListed(mirror, suite, release, index.file);
    const unpacked = await decompress({ name: url, content, unpackedSize: index.unpacked.size });
    if (index.file !== index.unpacked)
      checkContent(`${url}, unpacked`, index.unpacked, unpacked, sha256Of(unpacked));
    return unpacked;
  });
}

/**
 * Fetches an index file as it is, packed, from one mirror. Its size and digest are those that the release lists.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_UNREACHABLE` or `DEVENV_ARCHIVE_ALTERED`.
 */
export async function fetchListed(
  mirror: string,
  suite: string,
  release: Pick<ReleaseRecord, "byHash">,
  file: ReleaseFile,
): Promise<Buffer> {
  const directory = `${mirror}/dists/${suite}`;
  const url = `${directory}/${file.path}`;
  if (!release.byHash) return await fetchChecked(url, file);
  return await fetchByHash(directory, file).catch(() => fetchChecked(url, file));
}

/** By a name that stays the same when the archive is updated between our two requests. */
function fetchByHash(directory: string, file: ReleaseFile): Promise<Buffer> {
  const parent = file.path.slice(0, file.path.lastIndexOf("/"));
  return fetchChecked(`${directory}/${parent}/by-hash/SHA256/${file.sha256}`, file);
}

async function fetchChecked(url: string, file: ReleaseFile): Promise<Buffer> {
  const fetched = await fetchFile(url, { maximumSize: file.size });
  if (fetched === undefined) throw new Error(`Assertion failed: ${url}: 304 without a condition`);
  checkContent(url, file, fetched.content, fetched.sha256);
  return fetched.content;
}

function checkContent(name: string, file: ReleaseFile, content: Buffer, sha256: string): void {
  if (content.length === file.size && sha256 === file.sha256) return;
  throw new DevenvError(
    "DEVENV_ARCHIVE_ALTERED",
    `${name}: has ${content.length} bytes and SHA-256 ${sha256}, but the signed release says ${file.size} bytes and ${file.sha256}`,
    {
      hint: "The mirror may be in the middle of an update: try again in a few minutes, or try another mirror.",
    },
  );
}

function sha256Of(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
