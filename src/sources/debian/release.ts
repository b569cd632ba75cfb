import { DevenvError } from "../../errors.ts";

/** An index file as a release lists it. */
export interface ReleaseFile {
  /** Below `dists/<suite>/`. */
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The Packages or the Contents file of one architecture. */
export interface ReleaseIndex {
  /** The file to fetch. */
  readonly file: ReleaseFile;
  /** What it contains once unpacked. */
  readonly unpacked: ReleaseFile;
}

/** What a suite's InRelease file says, as far as it is needed. */
export interface Release {
  readonly codename: string;
  /** Milliseconds since 1970, as all times here. */
  readonly date: number;
  readonly validUntil: number | undefined;
  /** Index files are also served below a name that is their digest, which does not change under a reader. */
  readonly byHash: boolean;
  /** The Packages files, by architecture. */
  readonly indexes: Readonly<Record<string, ReleaseIndex>>;
  /** The lists of all files that packages ship, by architecture; only those packed by gzip. */
  readonly contents: Readonly<Record<string, ReleaseIndex>>;
}

/** Compressed forms in the order they are preferred: gzip is unpacked by Node itself. */
const forms = [".gz", ".xz", ""] as const;

/**
 * Reads the text of a Release file, see <https://wiki.debian.org/DebianRepository/Format>.
 *
 * @param url names the file in errors.
 * @throws DevenvError `DEVENV_ARCHIVE_MALFORMED` when a needed field is missing or makes no sense.
 */
export function parseRelease(text: string, url: string): Release {
  const fields = parseFields(text);
  const required = (name: string): string => {
    const value = fields.get(name.toLowerCase());
    if (value === undefined || value === "") throw malformed(url, `has no field ${name}`);
    return value;
  };
  const validUntil = fields.get("valid-until");
  const files = parseFiles(required("SHA256"), url);
  return {
    codename: required("Codename"),
    date: parseDate(required("Date"), url),
    validUntil: validUntil === undefined ? undefined : parseDate(validUntil, url),
    byHash: fields.get("acquire-by-hash") === "yes",
    indexes: findIndexes(files, /^main\/binary-([^/]+)\/Packages$/, forms),
    contents: findIndexes(files, /^main\/Contents-([^/.]+)$/, [".gz"]),
  };
}

/**
 * Says no to a release that is not the one asked for, is out of date, or from the future.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_MISMATCH`, `DEVENV_ARCHIVE_EXPIRED` or `DEVENV_ARCHIVE_NOT_YET_VALID`.
 */
export function checkRelease(
  release: Pick<Release, "codename" | "date" | "validUntil">,
  suite: string,
  url: string,
  now: Date,
): void {
  if (release.codename !== suite) {
    throw new DevenvError(
      "DEVENV_ARCHIVE_MISMATCH",
      `${url}: is the release "${release.codename}", expected "${suite}"`,
      { hint: "The mirror serves one suite in another's place. Try another mirror." },
    );
  }
  const time = now.getTime();
  if (release.validUntil !== undefined && release.validUntil < time) {
    throw new DevenvError(
      "DEVENV_ARCHIVE_EXPIRED",
      `${url}: was valid until ${isoDate(release.validUntil)}, and it is ${isoDate(time)}`,
      { hint: "The mirror is no longer updated, or the clock of this machine is wrong. Try another mirror." },
    );
  }
  if (release.date > time + clockTolerance) {
    throw new DevenvError(
      "DEVENV_ARCHIVE_NOT_YET_VALID",
      `${url}: was made at ${isoDate(release.date)}, and it is ${isoDate(time)}`,
      { hint: "The clock of this machine is behind. Set it and try again." },
    );
  }
}

const clockTolerance = 10 * 60_000;

/** ISO 8601 in UTC, to the second. */
export function isoDate(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** The fields of a stanza by name in lower case; a folded value keeps its line ends. */
function parseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let name = "";
  for (const line of text.split("\n")) {
    if (/^[ \t]/.test(line)) {
      fields.set(name, `${fields.get(name) ?? ""}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    name = line.slice(0, colon).toLowerCase();
    fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

/** Lines of digest, size and path. Only the indexes of the component main are of interest. */
function parseFiles(text: string, url: string): Map<string, ReleaseFile> {
  const files = new Map<string, ReleaseFile>();
  for (const line of text.split("\n")) {
    if (!/ main\/(binary|Contents)-/.test(line)) continue;
    const match =
      /^ ([0-9a-f]{64}) +(\d{1,12}) (main\/(?:binary-[a-z0-9-]+\/Packages|Contents-[a-z0-9-]+)(?:\.\w+)?)$/.exec(
        line.trimEnd(),
      );
    if (match === null) {
      if (/\/Packages(\.\w+)?\s*$/.test(line)) throw malformed(url, `has the line ${JSON.stringify(line)}`);
      continue;
    }
    const [, sha256 = "", size = "", path = ""] = match;
    files.set(path, { path, size: Number(size), sha256 });
  }
  return files;
}

function findIndexes(
  files: ReadonlyMap<string, ReleaseFile>,
  pattern: RegExp,
  allowedForms: readonly string[],
): Record<string, ReleaseIndex> {
  const indexes: Record<string, ReleaseIndex> = {};
  for (const unpacked of files.values()) {
    const architecture = pattern.exec(unpacked.path)?.[1];
    if (architecture === undefined) continue;
    for (const form of allowedForms) {
      const file = files.get(unpacked.path + form);
      if (file === undefined) continue;
      indexes[architecture] = { file, unpacked };
      break;
    }
  }
  return indexes;
}

function parseDate(text: string, url: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw malformed(url, `has the date ${JSON.stringify(text)}`);
  return time;
}

function malformed(url: string, what: string): DevenvError {
  return new DevenvError("DEVENV_ARCHIVE_MALFORMED", `${url}: ${what}`);
}
