import { DevenvError } from "../../errors.ts";
import { isObject, parseJSON } from "../json.ts";
import { askProxies, escaped } from "./ask.ts";
import type { GoOptions } from "./settings.ts";

/** Bytes of a list of versions. */
const largestList = 16 * 1024 * 1024;

/**
 * The versions of a module that a proxy lists, in its order. A proxy need not list all that it has.
 *
 * @throws DevenvError `DEVENV_GOPROXY_UNAVAILABLE`, `DEVENV_GOPROXY_METADATA`
 */
export async function findGoVersions(module: string, options: GoOptions = {}): Promise<string[]> {
  const answer = await askProxies(`${escaped(module)}/@v/list`, largestList, options);
  if (answer === undefined) return [];
  const lines = answer.bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  // A line has the version first; a page of a proxy that wants a login is none.
  const versions = lines.map((line) => line.trim().split(/\s+/)[0] ?? "");
  const odd = versions.find((version) => !/^v[\w.+-]{1,100}$/.test(version));
  if (odd === undefined) return versions;
  throw new DevenvError(
    "DEVENV_GOPROXY_METADATA",
    `${answer.proxy.url}/${escaped(module)}/@v/list: found ${JSON.stringify(odd.slice(0, 60))}, expected versions`,
    { hint: "Is GOPROXY the address of a module proxy?" },
  );
}

/**
 * When a version of a module was made, in milliseconds since 1970 (go.dev/ref/mod, "GOPROXY protocol": `.info`);
 * undefined when no proxy has it.
 *
 * @throws DevenvError `DEVENV_GOPROXY_UNAVAILABLE`, `DEVENV_GOPROXY_METADATA`
 */
export async function goVersionTime(
  module: string,
  version: string,
  options: GoOptions = {},
): Promise<number | undefined> {
  const path = `${escaped(module)}/@v/${escaped(version)}.info`;
  const answer = await askProxies(path, largestList, options, [403, 404, 410]);
  if (answer === undefined) return undefined;
  const info = parseJSON(answer.bytes.toString("utf8"));
  const time = isObject(info) ? info["Time"] : undefined;
  const milliseconds = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (!Number.isNaN(milliseconds)) return milliseconds;
  throw new DevenvError(
    "DEVENV_GOPROXY_METADATA",
    `${answer.proxy.url}/${path}: found no time, expected {"Version": …, "Time": …}`,
    { hint: "Is GOPROXY the address of a module proxy?" },
  );
}

/**
 * Whether a proxy has a version, listed or not, and gives it: some companies' proxies refuse what is too new.
 *
 * @throws DevenvError `DEVENV_GOPROXY_UNAVAILABLE`
 */
export async function hasGoVersion(
  module: string,
  version: string,
  options: GoOptions = {},
): Promise<boolean> {
  const path = `${escaped(module)}/@v/${escaped(version)}.info`;
  return (await askProxies(path, largestList, options, [403, 404, 410])) !== undefined;
}
