import { DevenvError } from "../errors.ts";
import {
  backOff,
  defaultPatience,
  type HttpResponse,
  httpGet,
  isTemporary,
  type Patience,
  retryAfter,
} from "../store/index.ts";
import { quoteForeign, redactURL } from "./registry/redact.ts";
import { describeFailure } from "./registry/retry.ts";

export interface FetchOptions {
  /** Bytes; a longer answer is refused. */
  readonly limit: number;
  /** Of the error when there is no right answer. */
  readonly code: `DEVENV_${string}`;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that does not become another one by asking again. */
export interface Fetched {
  readonly status: number;
  /** Empty unless the status is 200. */
  readonly bytes: Buffer;
}

/**
 * The whole of a small answer. A broken connection and a temporary status make it be asked for again.
 *
 * @throws DevenvError of the given code beyond the limit, and when there is no answer to the last try.
 */
export async function fetchWhole(url: string, options: FetchOptions): Promise<Fetched> {
  return await trying(url, options, async (request) => {
    const response = await request(0);
    if (response.status !== 200) {
      discard(response);
      return { status: response.status, bytes: Buffer.alloc(0) };
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > options.limit) throw tooLong(url, options);
      chunks.push(chunk);
    }
    return { status: 200, bytes: Buffer.concat(chunks) };
  });
}

/**
 * Hands on a large file as it comes; after a break it goes on where it stopped.
 *
 * @throws DevenvError of the given code beyond the limit, for another status than 200, and when it breaks for good.
 */
export async function fetchInto(
  url: string,
  options: FetchOptions,
  take: (chunk: Buffer) => Promise<void> | void,
): Promise<void> {
  let length = 0;
  await trying(url, options, async (request, progress) => {
    const response = await request(length);
    let skip = 0;
    if (response.status === 200) skip = length;
    else if (response.status !== 206 || !continues(response, length)) {
      discard(response);
      throw failed(url, `HTTP status ${response.status}`, options);
    }
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      length += rest.length;
      if (length > options.limit) throw tooLong(url, options);
      if (rest.length === 0) continue;
      progress();
      await take(rest);
    }
    if (skip > 0) throw failed(url, `it is ${skip} bytes shorter than it was`, options);
  });
}

type Request = (from: number) => Promise<HttpResponse>;

/** A status that may be another one soon. */
interface Temporary {
  readonly status: number;
  readonly after: number | undefined;
}

/** However much each try brings, a server is not asked more often than this. */
const triesAtMost = 50;

async function trying<T>(
  url: string,
  options: FetchOptions,
  attempt: (request: Request, progress: () => void) => Promise<T>,
): Promise<T> {
  const patience = { ...defaultPatience, ...options.patience };
  let fruitless = 0;
  for (let tries = 1; ; tries++) {
    fruitless++;
    let temporary: Temporary | undefined;
    const request: Request = async (from) => {
      const headers = { ...options.headers, ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
      const response = await httpGet(url, headers, { stall: patience.stall, signal: options.signal });
      if (!isTemporary(response.status)) return response;
      temporary = {
        status: response.status,
        after: retryAfter(response.header("retry-after"), Date.now()),
      };
      discard(response);
      throw new Error(`HTTP status ${response.status}`);
    };
    try {
      return await attempt(request, () => {
        fruitless = 0;
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof DevenvError) throw error;
      const { code, reason } = describeFailure(error);
      const after = temporary?.after;
      const hopeless = lasting.test(code) || (after ?? 0) > patience.longestDelay;
      if (hopeless || fruitless >= patience.tries || tries >= triesAtMost)
        throw failed(url, reason, options, error);
      await backOff(Math.max(fruitless, 1), patience, after, options.signal);
    }
  }
}

/** Failures of a connection that the same attempt would meet again. */
const lasting = /^(ENOTFOUND|ECONNREFUSED|EPROTO|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

function continues(response: HttpResponse, from: number): boolean {
  return from > 0 && response.header("content-range")?.startsWith(`bytes ${from}-`) === true;
}

function tooLong(url: string, options: FetchOptions): DevenvError {
  return failed(url, `it has more than ${options.limit} bytes`, options);
}

function failed(url: string, reason: string, options: FetchOptions, cause?: unknown): DevenvError {
  return new DevenvError(options.code, `GET ${redactURL(url)}: ${quoteForeign(reason)}`, {
    hint: "Check the network, or set another registry or proxy.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** For a body that nobody reads; its error would otherwise be nobody's. */
function discard(response: HttpResponse): void {
  response.body.on("error", () => {}).destroy();
}
