import { DevenvError } from "../../errors.ts";
import { type Fetched, fetchWhole } from "../fetch.ts";
import { redactURL } from "../registry/redact.ts";
import { type GoOptions, type GoProxy, goProxies } from "./settings.ts";

/** With these a proxy says that there is no such thing (go.dev/ref/mod, "GOPROXY protocol"). */
const missing: readonly number[] = [404, 410];

export function isMissing({ status }: Fetched): boolean {
  return missing.includes(status);
}

/**
 * Asks one proxy after the other, as GOPROXY says; undefined when all say that there is no such thing.
 *
 * @throws DevenvError `DEVENV_GOPROXY_UNAVAILABLE`, also when GOPROXY names no proxy.
 */
export async function askProxies(
  path: string,
  limit: number,
  options: GoOptions,
  absent = missing,
): Promise<{ readonly proxy: GoProxy; readonly bytes: Buffer } | undefined> {
  const proxies = goProxies(options);
  if (proxies.length === 0) {
    throw new DevenvError("DEVENV_GOPROXY_UNAVAILABLE", "$GOPROXY: names no module proxy", {
      hint: "Toolchains of Go are only on module proxies; `direct` has none.",
    });
  }
  let failure: unknown;
  for (const proxy of proxies) {
    try {
      const fetched = await fetchWhole(`${proxy.url}/${path}`, {
        code: "DEVENV_GOPROXY_UNAVAILABLE",
        limit,
        headers: proxy.headers,
        patience: options.patience,
        signal: options.signal,
      });
      if (fetched.status === 200) return { proxy, bytes: fetched.bytes };
      if (absent.includes(fetched.status)) continue;
      const url = redactURL(`${proxy.url}/${path}`);
      throw new DevenvError("DEVENV_GOPROXY_UNAVAILABLE", `GET ${url}: HTTP status ${fetched.status}`, {
        hint: "Check the network, or set another proxy in GOPROXY.",
      });
    } catch (error) {
      if (!(error instanceof DevenvError) || proxy.fallback !== "always") throw error;
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/**
 * A module's path or version as it stands in URLs and file names: a capital letter is `!` and the small one
 * (go.dev/ref/mod, "GOPROXY protocol").
 */
export function escaped(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}
