import { DevenvError } from "../../errors.ts";
import { fetchWhole } from "../fetch.ts";
import { isObject, parseJSON } from "../json.ts";
import { quoteForeign, redactURL } from "../registry/redact.ts";
import { type NpmOptions, registryOf } from "./settings.ts";

/** One version of a package, checked as far as it is used. */
export interface NpmVersion {
  readonly version: string;
  /** `sha512-` and base64: the strongest of what the registry has. */
  readonly integrity: string;
  /** Path of the .tgz below the registry's URL. */
  readonly path: string;
  /** What else it needs, by name: `node`. */
  readonly engines: Readonly<Record<string, string>>;
  /** When it was published, in milliseconds since 1970; absent unless asked for, and where the registry does not say. */
  readonly published?: number;
}

/** Bytes; packages with thousands of versions have a few million. */
const largestDocument = 64 * 1024 * 1024;

/**
 * All versions of a package that have a digest, by version, from the abbreviated metadata (npm registry,
 * package-metadata.md), or from the full one, which is several times as long, for their times; undefined when the registry has no such package. Those that are deprecated are among them.
 *
 * A tarball counts as lying where the registry's own address and its path say: registries that pass on another one's
 * metadata leave that one's addresses in it, as npm knows.
 *
 * @throws DevenvError `DEVENV_NPM_UNAVAILABLE`, `DEVENV_NPM_METADATA` for an answer that makes no sense.
 */
export async function findNpmVersions(
  name: string,
  options: NpmOptions & { readonly withTimes?: boolean } = {},
): Promise<Map<string, NpmVersion> | undefined> {
  const registry = registryOf(name, options);
  const url = `${registry.url}${name.replace("/", "%2f")}`;
  const accept = options.withTimes === true ? "application/json" : "application/vnd.npm.install-v1+json";
  const { status, bytes } = await fetchWhole(url, {
    code: "DEVENV_NPM_UNAVAILABLE",
    limit: options.largestDocument ?? largestDocument,
    headers: { ...registry.headers, accept },
    patience: options.patience,
    signal: options.signal,
  });
  if (status === 404) return undefined;
  if (status !== 200) {
    throw new DevenvError("DEVENV_NPM_UNAVAILABLE", `GET ${redactURL(url)}: HTTP status ${status}`, {
      hint: status === 401 || status === 403 ? "Is the login in ~/.npmrc right?" : "Try again later.",
    });
  }
  return readDocument(bytes, name, registry.url, url);
}

function readDocument(bytes: Buffer, name: string, registry: string, url: string): Map<string, NpmVersion> {
  const wrong = (reason: string) =>
    new DevenvError("DEVENV_NPM_METADATA", `GET ${redactURL(url)}: ${reason}`, {
      hint: "The registry is damaged or of a kind devenv does not know.",
    });
  const document = parseJSON(bytes.toString("utf8"));
  const versions = isObject(document) ? document["versions"] : undefined;
  if (!isObject(document) || !isObject(versions)) throw wrong("the answer is no list of versions");
  if (document["name"] !== name) throw wrong(`the answer is about ${quoteForeign(String(document["name"]))}`);
  const found = new Map<string, NpmVersion>();
  for (const [version, entry] of Object.entries(versions)) {
    const dist = isObject(entry) ? entry["dist"] : undefined;
    if (!isObject(entry) || !isObject(dist) || entry["version"] !== version) {
      throw wrong(`version ${quoteForeign(version)} is described wrongly`);
    }
    const integrity = strongest(dist["integrity"]);
    // Versions from before 2017 may have a SHA-1 only, which proves nothing any more.
    if (integrity === undefined) continue;
    const path = typeof dist["tarball"] === "string" ? pathBelow(registry, dist["tarball"]) : undefined;
    if (path === undefined)
      throw wrong(`version ${quoteForeign(version)} has no tarball below ${redactURL(registry)}`);
    const published = publishedAt(document["time"], version);
    const known = { version, integrity, path, engines: enginesOf(entry["engines"]) };
    found.set(version, published === undefined ? known : { ...known, published });
  }
  return found;
}

function publishedAt(times: unknown, version: string): number | undefined {
  const time = isObject(times) && Object.hasOwn(times, version) ? times[version] : undefined;
  const milliseconds = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** Of several digests the SHA-512, which npm itself has written since 2017. */
function strongest(integrity: unknown): string | undefined {
  if (typeof integrity !== "string") return undefined;
  return integrity.split(/\s+/).find((one) => /^sha512-[A-Za-z0-9+/]{86}==$/.test(one));
}

/** The last segments are those of the package in every registry; what stands before them is the registry's own. */
function pathBelow(registry: string, tarball: string): string | undefined {
  if (!URL.canParse(tarball)) return undefined;
  const { pathname, protocol } = new URL(tarball);
  if (!/^https?:$/.test(protocol)) return undefined;
  const root = new URL(registry).pathname;
  const own = pathname.startsWith(root) ? pathname.slice(root.length) : pathname.replace(/^\/+/, "");
  return isTarballPath(own) ? own : undefined;
}

/** A path of a tarball below a registry's URL: no way leads out of that. */
export function isTarballPath(path: string): boolean {
  return /^(?:(?!\.{1,2}\/)[A-Za-z0-9@._+!-]+\/)+(?!\.)[A-Za-z0-9._+!-]+\.tgz$/.test(path);
}

function enginesOf(engines: unknown): Readonly<Record<string, string>> {
  if (!isObject(engines)) return {};
  return Object.fromEntries(
    Object.entries(engines).flatMap(([name, range]) => (typeof range === "string" ? [[name, range]] : [])),
  );
}
