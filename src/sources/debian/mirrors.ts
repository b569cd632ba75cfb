import { DevenvError } from "../../errors.ts";
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

const variables: Readonly<Record<ArchiveName, string>> = {
  debian: "DEVENV_DEBIAN_MIRROR",
  "debian-security": "DEVENV_DEBIAN_SECURITY_MIRROR",
};

/**
 * The mirrors of Debian's archives, in the order they are tried. What the user set, by environment variable or in
 * `settings.jsonc`, stands alone; else the host's own apt sources come first and {@link publicMirrors} last.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID` when a setting is no URL of a mirror.
 */
export function resolveMirrors(places: Partial<MirrorPlaces> = {}): Mirrors {
  const environment = places.environment ?? process.env;
  const settings = readMirrors(environment);
  const host = readAptSources(places.aptDirectory ?? "/etc/apt");
  const mirrorsOf = (archive: ArchiveName): string[] => {
    const variable = variables[archive];
    const set = environment[variable] ?? "";
    if (set !== "") return [checkURL(set, `$${variable}`)];
    const setting = settings.mirrors[archive];
    if (setting !== undefined)
      return setting.map((url) => checkURL(url, `${settings.file}: mirrors.${archive}`));
    const own = host.filter((source) => source.archive === archive).map((source) => source.url);
    return [...new Set([...own, ...publicMirrors[archive]].map(withoutSlash))];
  };
  return { debian: mirrorsOf("debian"), "debian-security": mirrorsOf("debian-security") };
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
  readonly mirrors: Partial<Record<ArchiveName, readonly string[]>>;
}

/** `{"mirrors": {"debian": "http://…" or ["http://…", …], "debian-security": …}}` */
function readMirrors(environment: Environment): MirrorSettings {
  const { file, values } = readSettings(environment);
  const given = values["mirrors"] ?? {};
  if (!isObject(given)) throw invalid(`${file}: mirrors: found ${JSON.stringify(given)}`);
  const mirrors: Partial<Record<ArchiveName, readonly string[]>> = {};
  for (const [name, value] of Object.entries(given)) {
    const archive = archives.find((known) => known === name);
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
