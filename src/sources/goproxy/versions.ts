import { DevenvError } from "../../errors.ts";
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
