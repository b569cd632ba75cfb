import { endOfDay } from "../../day.ts";
import { DevenvError } from "../../errors.ts";
import type { LockedRelease } from "../../lock/types.ts";
import { isObject } from "../json.ts";
import { type Environment, readSettings, settingsError } from "../settings.ts";
import { readAptSources } from "./apt-sources.ts";
import { type ArchiveName, archives, type Mirrors } from "./types.ts";

/** Where {@link resolveMirrors} looks; the host's own places unless given. */
export interface MirrorPlaces {
  readonly environment: Environment;
  readonly aptDirectory: string;
}

/** The second of each is where releases go when their support has ended. */
export const publicMirrors: Mirrors = {
  debian: ["http://ftp.debian.org/debian", "http://archive.debian.org/debian"],
  "debian-security": ["http://ftp.debian.org/debian-security", "http://archive.debian.org/debian-security"],
};

/** Where Debian keeps every state that its archives ever had. */
const publicSnapshots = ["https://snapshot.debian.org"];

/** What a mirror can be one of: an archive, or all their states since 2005. */
const mirrored = [...archives, "debian-snapshot"] as const;
type Mirrored = (typeof mirrored)[number];

const variables: Readonly<Record<Mirrored, string>> = {
  debian: "DEVENV_DEBIAN_MIRROR",
  "debian-security": "DEVENV_DEBIAN_SECURITY_MIRROR",
  "debian-snapshot": "DEVENV_DEBIAN_SNAPSHOT_MIRROR",
};

/**
 * The mirrors of Debian's archives, in the order they are tried. What the user set, by environment variable or in
 * `settings.jsonc`, stands alone; else the host's own apt sources come first and {@link publicMirrors} last.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID` when a setting is no URL of a mirror.
 */
export function resolveMirrors(places: Partial<MirrorPlaces> = {}): Mirrors {
  const settings = mirrorSettings(places);
  const host = readAptSources(places.aptDirectory ?? "/etc/apt");
  const mirrorsOf = (archive: ArchiveName): readonly string[] => {
    const own = host.filter((source) => source.archive === archive).map((source) => source.url);
    return settings(archive) ?? [...new Set([...own, ...publicMirrors[archive]].map(withoutSlash))];
  };
  return { debian: mirrorsOf("debian"), "debian-security": mirrorsOf("debian-security") };
}

/**
 * The mirrors of the archives as they were at the end of a day (`2024-03-17`), by the layout of Debian's snapshot
 * service: a moment without a state of its own stands for the last one before.
 *
 * @throws DevenvError as {@link resolveMirrors}.
 */
export function resolveMirrorsAsOf(day: string, places: Partial<MirrorPlaces> = {}): Mirrors {
  const at = (archive: ArchiveName) => snapshotsOf(archive, endOfDay(day), places);
  return { debian: at("debian"), "debian-security": at("debian-security") };
}

/**
 * The mirrors for files that a lock lists: first those of today, or of the lock's day, and for what they have dropped
 * meanwhile the states of the archives a day after the indexes that were locked.
 *
 * @throws DevenvError as {@link resolveMirrors}.
 */
export function resolveMirrorsFor(
  { asOf, releases }: { readonly asOf?: string | undefined; readonly releases: readonly LockedRelease[] },
  places: Partial<MirrorPlaces> = {},
): Mirrors {
  const mirrors = resolveMirrors(places);
  const past = (archive: ArchiveName): readonly string[] => {
    if (asOf !== undefined) return snapshotsOf(archive, endOfDay(asOf), places);
    const dates = releases.filter((one) => one.archive === archive).map(({ date }) => Date.parse(date));
    if (dates.length === 0) return [];
    return snapshotsOf(archive, new Date(Math.max(...dates) + 24 * 3_600_000), places);
  };
  return {
    debian: [...mirrors.debian, ...past("debian")],
    "debian-security": [...mirrors["debian-security"], ...past("debian-security")],
  };
}

function snapshotsOf(archive: ArchiveName, moment: Date, places: Partial<MirrorPlaces>): string[] {
  const stamp = moment.toISOString().replace(/[-:]|\.\d+/g, "");
  const roots = mirrorSettings(places)("debian-snapshot") ?? publicSnapshots;
  return roots.map((root) => `${root}/archive/${archive}/${stamp}`);
}

/** What the user set of mirrors, by variable or in a file. */
function mirrorSettings(places: Partial<MirrorPlaces>): (name: Mirrored) => readonly string[] | undefined {
  const environment = places.environment ?? process.env;
  const { file, mirrors } = readMirrors(environment);
  return (name) => {
    const variable = variables[name];
    const set = environment[variable] ?? "";
    if (set !== "") return [checkURL(set, `$${variable}`)];
    return mirrors[name]?.map((url) => checkURL(url, `${file}: mirrors.${name}`));
  };
}

/**
 * The URLs a package's file can be had from, in the order to try them.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_UNKNOWN` for an archive that Debian does not have.
 */
export function packageUrls(
  mirrors: Mirrors,
  file: { readonly archive: string; readonly path: string },
): string[] {
  const archive = archives.find((name) => name === file.archive);
  if (archive === undefined) {
    throw new DevenvError("DEVENV_ARCHIVE_UNKNOWN", `${file.path}: there is no archive "${file.archive}"`, {
      hint: `Expected one of: ${archives.join(", ")}.`,
    });
  }
  return mirrors[archive].map((root) => `${root}/${file.path}`);
}

interface MirrorSettings {
  readonly file: string;
  readonly mirrors: Partial<Record<Mirrored, readonly string[]>>;
}

/** `{"mirrors": {"debian": "http://…" or ["http://…", …], "debian-security": …}}` */
function readMirrors(environment: Environment): MirrorSettings {
  const { file, values } = readSettings(environment);
  const given = values["mirrors"] ?? {};
  if (!isObject(given)) throw invalid(`${file}: mirrors: found ${JSON.stringify(given)}`);
  const mirrors: Partial<Record<Mirrored, readonly string[]>> = {};
  for (const [name, value] of Object.entries(given)) {
    const archive = mirrored.find((known) => known === name);
    if (archive === undefined) throw invalid(`${file}: mirrors: unknown archive "${name}"`);
    const urls: unknown[] = Array.isArray(value) ? value : [value];
    if (urls.length === 0 || !urls.every((url) => typeof url === "string")) {
      throw invalid(`${file}: mirrors.${name}: found ${JSON.stringify(value)}`);
    }
    mirrors[archive] = urls;
  }
  return { file, mirrors };
}

function checkURL(url: string, where: string): string {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw invalid(`${where}: "${url}" is no http: or https: URL`);
  return withoutSlash(url);
}

function invalid(message: string): DevenvError {
  return settingsError(
    message,
    'Mirrors are set as in {"mirrors": {"debian": "http://ftp.debian.org/debian"}}.',
  );
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
