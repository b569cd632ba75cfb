import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import { DevenvError } from "../errors.ts";

/** How patient a transfer is. */
export interface Patience {
  /** Tries in a row on one mirror that bring nothing before the next mirror's turn. */
  readonly tries: number;
  /** Milliseconds before the second try; twice as long before each further one. */
  readonly firstDelay: number;
  /** Milliseconds: the longest a server may ask us to wait (`Retry-After`), and the longest own delay. */
  readonly longestDelay: number;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly stall: number;
}

export const defaultPatience: Patience = { tries: 4, firstDelay: 300, longestDelay: 30_000, stall: 30_000 };

/** One answer of a server, after redirects. */
export interface HttpResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** To be read to its end or destroyed. */
  readonly body: Dispatcher.ResponseData["body"];
}

let dispatcher: Promise<Dispatcher> | undefined;

/**
 * Sends a GET request, follows redirects, honours `http_proxy`, `https_proxy` and `no_proxy`.
 *
 * @throws whatever undici throws when there is no answer.
 */
export async function httpGet(
  url: string,
  headers: Readonly<Record<string, string>>,
  options: { readonly stall: number; readonly signal?: AbortSignal | undefined },
): Promise<HttpResponse> {
  dispatcher ??= makeDispatcher();
  const response = await (await dispatcher).request({
    ...splitURL(url),
    method: "GET",
    // Compressed in transit, neither length nor ranges would be those of the file.
    headers: { "accept-encoding": "identity", "user-agent": "devenv", ...headers },
    headersTimeout: options.stall,
    bodyTimeout: options.stall,
    signal: options.signal ?? null,
  });
  return {
    status: response.statusCode,
    body: response.body,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

/** Statuses that the same server may answer differently to the same request a moment later (RFC 9110 section 15). */
export function isTemporary(status: number): boolean {
  return (
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
  );
}

/**
 * The milliseconds that a `Retry-After` header asks for (RFC 9110 section 10.2.3: seconds or a date); undefined when
 * it is absent or makes no sense.
 */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Waits before try number `tries` + 1, a random part of it so that parallel transfers do not come back as one. */
export async function backOff(
  tries: number,
  patience: Patience,
  asked: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const own = Math.min(patience.firstDelay * 2 ** (tries - 1), patience.longestDelay);
  await sleep(asked ?? own * (0.75 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
}

/** Loaded on first use: most commands never ask the network, and undici takes a while to load. */
async function makeDispatcher(): Promise<Dispatcher> {
  const { EnvHttpProxyAgent, interceptors } = await import("undici");
  return new EnvHttpProxyAgent({ connect: { timeout: 15_000 }, keepAliveTimeout: 2_000 }).compose(
    interceptors.redirect({ maxRedirections: 5 }),
  );
}

function splitURL(url: string): { origin: string; path: string } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new DevenvError("DEVENV_URL", `${url}: only http: and https: URLs can be downloaded`);
  }
  return { origin: parsed.origin, path: parsed.pathname + parsed.search };
}
