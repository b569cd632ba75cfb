import { Readable } from "node:stream";
import { type HttpAnswer, httpRequest } from "../../store/index.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One request, as data that can be sent again. */
export interface RegistryRequest {
  readonly method: Method;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the request must be allowed to do, as `repository:library/debian:pull`. */
  readonly scopes?: readonly string[];
  /** Makes the body anew each time the request is sent. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>;
  /** Not to be sent again after a failure, because it goes on with something that a failure ends. */
  readonly once?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryResponse extends HttpAnswer {
  /** Where the answer comes from, after redirects. */
  readonly url: string;
  /** Whether another origin than the one that was asked gave it. */
  readonly redirected?: boolean;
}

/**
 * What every piece of the client takes and gives: authentication, redirects and retries are functions from one to
 * another, and can be put together as needed.
 */
export type Send = (request: RegistryRequest) => Promise<RegistryResponse>;

/**
 * The lowest piece: one request on one connection.
 *
 * @param stall milliseconds without a byte after which a connection counts as dead.
 * @throws whatever undici throws when there is no answer.
 */
export function sendPlainly(stall: number): Send {
  return async ({ method, url, headers = {}, body, signal }) => {
    const content = body?.();
    const answer = await httpRequest(url, {
      method,
      headers,
      body: content === undefined || content instanceof Uint8Array ? content : Readable.from(content),
      stall,
      signal,
    });
    return { ...answer, url };
  };
}
