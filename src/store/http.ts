import type { Readable } from "node:stream";
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

/** One answer of a server. */
export interface HttpAnswer {
  readonly status: number;
  /** The first header field of the name. */
  header(name: string): string | undefined;
  /** All header fields of the name, in their order. */
  headers(name: string): readonly string[];
  /** To be read to its end or destroyed. */
  readonly body: Readable;
}

/** The same, with a body that can also be thrown away whole. */
export interface HttpResponse extends HttpAnswer {
  readonly body: Dispatcher.ResponseData["body"];
}

export interface HttpRequestOptions {
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable | undefined;
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly stall: number;
  readonly signal?: AbortSignal | undefined;
}

interface Dispatchers {
  readonly plain: Dispatcher;
  readonly redirecting: Dispatcher;
}

let dispatchers: Promise<Dispatchers> | undefined;

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
  dispatchers ??= makeDispatchers();
  return requestWith((await dispatchers).redirecting, url, { method: "GET", headers, ...options });
}

/**
 * Sends one request and follows no redirect; honours the same variables as {@link httpGet}.
 *
 * @throws DevenvError `DEVENV_URL`, or whatever undici throws when there is no answer.
 */
export async function httpRequest(url: string, options: HttpRequestOptions): Promise<HttpResponse> {
  dispatchers ??= makeDispatchers();
  return requestWith((await dispatchers).plain, url, options);
}

async function requestWith(
  dispatcher: Dispatcher,
  url: string,
  options: HttpRequestOptions,
): Promise<HttpResponse> {
  const response = await dispatcher.request({
    ...splitURL(url),
    method: options.method,
    // Compressed in transit, neither length nor ranges would be those of the file.
    headers: { "accept-encoding": "identity", "user-agent": "devenv", ...options.headers },
    body: options.body ?? null,
    headersTimeout: options.stall,
    bodyTimeout: options.stall,
    signal: options.signal ?? null,
  });
  const headers = (name: string): string[] => {
    const value = response.headers[name];
    return value === undefined ? [] : [value].flat();
  };
  return { status: response.statusCode, body: response.body, headers, header: (name) => headers(name)[0] };
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
async function makeDispatchers(): Promise<Dispatchers> {
  const { EnvHttpProxyAgent, interceptors } = await import("./undici.ts");
  const plain = new EnvHttpProxyAgent({ connect: { timeout: 15_000 }, keepAliveTimeout: 2_000 });
  return { plain, redirecting: plain.compose(interceptors.redirect({ maxRedirections: 5 })) };
}

function splitURL(url: string): { origin: string; path: string } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new DevenvError("DEVENV_URL", `${url}: only http: and https: URLs can be downloaded`);
  }
  return { origin: parsed.origin, path: parsed.pathname + parsed.search };
}
