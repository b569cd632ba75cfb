import { DevenvError } from "../../errors.ts";
import { backOff } from "../../store/index.ts";
import { discard } from "./body.ts";
import { ask, type Server } from "./client.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { quoteForeign, redactURL } from "./redact.ts";
import { describeFailure } from "./retry.ts";
import type { RegistryResponse } from "./transport.ts";
import type { Descriptor } from "./types.ts";

/** How much of a blob was given on already. */
export interface Progress {
  readonly descriptor: Descriptor;
  position: number;
}

/** After this many bytes, or milliseconds, a break is not held against the server. */
const progressWorthATry = { bytes: 1024 * 1024, time: 60_000 };

/**
 * The bytes of a blob that are still to come, from one server, all of them or an error; `progress` tells how many were
 * given on. A broken connection is resumed (RFC 9110 section 14.2) from the registry's own URL, because the address
 * that it redirects to may be good for a short time only.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE`, `DEVENV_REGISTRY_UNAVAILABLE` after too many breaks,
 * `DEVENV_REGISTRY_PROTOCOL` for a coded body, and those of {@link errorOfStatus}.
 */
export async function* blobFrom(
  server: Server,
  progress: Progress,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let ranges = true;
  for (let fruitless = 0; ; ) {
    const from = progress.position;
    const started = performance.now();
    const response = await ask(server, {
      method: "GET",
      path: `blobs/${progress.descriptor.digest}`,
      headers: from > 0 && ranges ? { range: `bytes=${from}-` } : {},
      signal,
    });
    const answer = await judge(response, progress);
    if (answer.kind === "no ranges") ranges = false;
    const reason = answer.kind === "body" ? yield* deliver(response, progress, answer.skip) : answer.reason;
    if (reason === undefined) return;
    signal?.throwIfAborted();
    const gained = progress.position - from;
    const isProgress =
      gained >= progressWorthATry.bytes ||
      (gained > 0 && performance.now() - started >= progressWorthATry.time);
    fruitless = isProgress ? 1 : fruitless + 1;
    if (fruitless >= server.patience.tries) {
      throw registryError("DEVENV_REGISTRY_UNAVAILABLE", `GET ${redactURL(response.url)}: ${reason}`, {
        hint: "Try again later, or set a mirror of the registry.",
      });
    }
    await backOff(fruitless, server.patience, undefined, signal);
  }
}

type Answer =
  /** What is missing, after bytes that are to be skipped. */
  | { readonly kind: "body"; readonly skip: number }
  /** Worth another try, with or without a range. */
  | { readonly kind: "again" | "no ranges"; readonly reason: string };

async function judge(response: RegistryResponse, progress: Progress): Promise<Answer> {
  const { descriptor, position } = progress;
  const { status } = response;
  const refuse = (kind: "again" | "no ranges", reason: string): Answer => {
    discard(response);
    return { kind, reason };
  };
  if (status === 206 && position > 0) {
    const range = response.header("content-range");
    const wanted = `bytes ${position}-${descriptor.size - 1}/`;
    if (range === `${wanted}${descriptor.size}` || range === `${wanted}*`) return uncoded(response, 0);
    const got = range === undefined ? "no Content-Range" : quoteForeign(range, 100);
    return refuse("no ranges", `asked for the bytes from ${position} on, it sent ${got}`);
  }
  if (status === 200) {
    const length = response.header("content-length");
    if (length !== undefined && length !== String(descriptor.size)) {
      discard(response);
      throw wrongSize(response, `${quoteForeign(length, 30)} bytes`, descriptor);
    }
    return uncoded(response, position);
  }
  if (status === 416 && position > 0) return refuse("no ranges", "HTTP status 416");
  if (response.redirected === true && [400, 401, 403].includes(status)) {
    return refuse("again", `HTTP status ${status}, as for an address that has expired`);
  }
  throw await errorOfStatus(response, { method: "GET" });
}

function uncoded(response: RegistryResponse, skip: number): Answer {
  const coding = response.header("content-encoding");
  if (coding === undefined || coding.toLowerCase() === "identity") return { kind: "body", skip };
  discard(response);
  const message = `GET ${redactURL(response.url)}: the body is coded as ${quoteForeign(coding, 60)}, which was not asked for`;
  throw registryError("DEVENV_REGISTRY_PROTOCOL", message);
}

/** Gives on what is fresh; returns why there are bytes missing afterwards, undefined when there are none. */
async function* deliver(
  response: RegistryResponse,
  progress: Progress,
  skip: number,
): AsyncGenerator<Uint8Array, string | undefined, undefined> {
  const { descriptor } = progress;
  let known = skip;
  let reason = "the connection ended";
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const fresh = chunk.subarray(Math.min(known, chunk.length));
      known -= chunk.length - fresh.length;
      if (progress.position + fresh.length > descriptor.size) {
        throw wrongSize(response, `more than ${descriptor.size} bytes`, descriptor);
      }
      if (fresh.length === 0) continue;
      progress.position += fresh.length;
      yield fresh;
    }
  } catch (error) {
    if (error instanceof DevenvError) throw error;
    reason = describeFailure(error).reason;
  }
  if (progress.position === descriptor.size) return undefined;
  return `${reason} after ${progress.position} of ${descriptor.size} bytes`;
}

function wrongSize(response: RegistryResponse, found: string, { digest, size }: Descriptor): DevenvError {
  return registryError(
    "DEVENV_REGISTRY_SIZE",
    `GET ${redactURL(response.url)}: ${digest} has ${found} there instead of ${size}`,
  );
}
