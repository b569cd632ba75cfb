import { DevenvError } from "../../errors.ts";
import { checkHop } from "./address.ts";
import { discard } from "./body.ts";
import { ask, type Server, scopeOf } from "./client.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";
import type { RegistryResponse } from "./transport.ts";
import type { Descriptor } from "./types.ts";

export type KnownContent = Pick<Descriptor, "digest" | "size">;

/** An upload that has begun. */
export interface Upload {
  /** Where the next request goes: the Location that the registry named last. */
  place: string;
  /** How many bytes the registry has. */
  position: number;
  /** The fewest bytes that it takes at a time (`OCI-Chunk-Min-Length`); the last ones may be fewer. */
  readonly chunkAtLeast: number;
}

/** Makes the stream of a blob's bytes, from the first on. */
export type Open = () => AsyncIterable<Uint8Array>;

/** Bytes that are sent at a time, unless the registry wants more. */
const chunkSize = 16 * 1024 * 1024;

/**
 * Asks for a place to send a blob to; undefined when the registry mounted it from the repository `mountFrom` (OCI
 * distribution specification, "Mounting a blob from another repository").
 *
 * @throws DevenvError `DEVENV_REGISTRY_UPLOAD` when it names no place, and those of {@link errorOfStatus}.
 */
export async function startUpload(
  server: Server,
  { digest }: KnownContent,
  mountFrom: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Upload | undefined> {
  const response = await ask(server, {
    method: "POST",
    path: "blobs/uploads/",
    push: true,
    signal,
    ...(mountFrom === undefined
      ? {}
      : { query: { mount: digest, from: mountFrom }, scopes: [`repository:${mountFrom}:pull`] }),
  });
  if (response.status === 201 && mountFrom !== undefined) {
    discard(response);
    return undefined;
  }
  if (response.status !== 202) throw await errorOfStatus(response, { method: "POST" });
  discard(response);
  const place = placeIn(response, server);
  if (place === undefined) {
    const message = `POST ${redactURL(response.url)}: the registry names no place for the upload`;
    throw registryError("DEVENV_REGISTRY_UPLOAD", message);
  }
  const least = response.header("oci-chunk-min-length");
  return { place, position: 0, chunkAtLeast: /^\d{1,15}$/.test(least ?? "") ? Number(least) : 0 };
}

/**
 * Sends the whole blob with one request ("POST then PUT"). Resolves to whether the registry took it: false when it is
 * too much for one request.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE` when the stream has another size, and those of {@link errorOfStatus}.
 */
export async function sendWhole(
  server: Server,
  upload: Upload,
  content: KnownContent,
  open: Open,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const reader = readerOf(open, content);
  try {
    const response = await send(server, upload, "PUT", content, reader, content.size, signal);
    if (response.status === 413 && !fitsOneChunk(upload, content)) {
      discard(response);
      return false;
    }
    if (response.status !== 201) throw await errorOfStatus(response, { method: "PUT" });
    discard(response);
    return true;
  } finally {
    await reader.close();
  }
}

/**
 * Sends what the registry does not have yet in pieces ("Pushing a blob in chunks"), and notes in `upload` what it
 * took. Resolves to false when it expects other bytes than were sent: {@link findPosition} finds out which.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE` when the stream has another size, and those of {@link errorOfStatus}.
 */
export async function sendChunks(
  server: Server,
  upload: Upload,
  content: KnownContent,
  open: Open,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const reader = readerOf(open, content);
  try {
    await reader.skip(upload.position);
    while (upload.position < content.size) {
      const length = Math.min(chunkSizeOf(upload), content.size - upload.position);
      const response = await send(server, upload, "PATCH", content, reader, length, signal);
      if (response.status !== 202 && response.status !== 416)
        throw await errorOfStatus(response, { method: "PATCH" });
      discard(response);
      const expected = upload.position + length;
      upload.place = placeIn(response, server) ?? upload.place;
      if (response.status === 416 || (receivedIn(response) ?? expected) !== expected) return false;
      upload.position = expected;
    }
    await reader.end();
    const response = await send(server, upload, "PUT", content, reader, 0, signal);
    if (response.status !== 201) throw await errorOfStatus(response, { method: "PUT" });
    discard(response);
    return true;
  } finally {
    await reader.close();
  }
}

/** Asks how far an upload is ("Pushing a blob in chunks"); undefined when the registry does not say or forgot it. */
export async function findPosition(
  server: Server,
  upload: Upload,
  { size }: KnownContent,
  signal: AbortSignal | undefined,
): Promise<Upload | undefined> {
  const scopes = [scopeOf(server, true)];
  try {
    const response = await server.send({ method: "GET", url: upload.place, scopes, signal });
    discard(response);
    const position = receivedIn(response);
    if (response.status !== 204 || position === undefined || position > size) return undefined;
    return { ...upload, place: placeIn(response, server) ?? upload.place, position };
  } catch (error) {
    if (error instanceof DevenvError) return undefined;
    throw error;
  }
}

/** Bytes received, by the `Range` of an answer; undefined also for `0-0`, which registries say of none and of one. */
function receivedIn(response: RegistryResponse): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.header("range") ?? "")?.[1];
  return last === undefined || last === "0" ? undefined : Number(last) + 1;
}

/** Whether chunks would only be a request more. */
export function fitsOneChunk(upload: Upload, { size }: KnownContent): boolean {
  return upload.position === 0 && size <= chunkSizeOf(upload);
}

function chunkSizeOf({ chunkAtLeast }: Upload): number {
  return Math.max(chunkSize, chunkAtLeast);
}

/** The Location of an upload, which may be relative, and at another server, for which our credentials are not. */
function placeIn(response: RegistryResponse, server: Server): string | undefined {
  const location = response.header("location");
  if (location === undefined || !URL.canParse(location, response.url)) return undefined;
  const { href } = new URL(location, response.url);
  checkHop(href, server.endpoint.url, "an upload to");
  return href;
}

async function send(
  server: Server,
  { place, position }: Upload,
  method: "PATCH" | "PUT",
  { digest }: KnownContent,
  reader: Reader,
  length: number,
  signal: AbortSignal | undefined,
): Promise<RegistryResponse> {
  // The registry's own parameters must stay as they are: they may be signed.
  const final = `${place}${place.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
  const sent = server.send({
    method,
    url: method === "PUT" ? final : place,
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(length),
      ...(method === "PATCH" ? { "content-range": `${position}-${position + length - 1}` } : {}),
    },
    body: () => (length === 0 ? Buffer.alloc(0) : reader.take(length)),
    scopes: [scopeOf(server, true)],
    once: true,
    signal,
  });
  return sent.catch((error: unknown) => {
    throw reader.failure() ?? error;
  });
}

/** A blob's bytes in pieces of any length. */
interface Reader {
  take(length: number): AsyncGenerator<Uint8Array, void, undefined>;
  skip(length: number): Promise<void>;
  /** @throws DevenvError `DEVENV_REGISTRY_SIZE` when there is more. */
  end(): Promise<void>;
  close(): Promise<void>;
  /** What went wrong on our side: to the connection it is one more reason to break. */
  failure(): unknown;
}

function readerOf(open: Open, { digest, size }: KnownContent): Reader {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let rest: Uint8Array = Buffer.alloc(0);
  let given = 0;
  let failure: unknown;
  const refill = async (): Promise<boolean> => {
    while (rest.length === 0) {
      chunks ??= open()[Symbol.asyncIterator]();
      const next = await chunks.next();
      if (next.done === true) return false;
      rest = next.value;
    }
    return true;
  };
  const wrongSize = (found: string) =>
    registryError("DEVENV_REGISTRY_SIZE", `${digest}: there are ${found} bytes to push instead of ${size}`);
  const end = async (): Promise<void> => {
    if (await refill()) throw wrongSize(`more than ${size}`);
  };
  const next = async (atMost: number): Promise<Uint8Array> => {
    if (!(await refill())) throw wrongSize(String(given));
    const piece = rest.subarray(0, atMost);
    rest = rest.subarray(piece.length);
    given += piece.length;
    // Before the last byte is sent: a registry that has all of them could be content.
    if (given === size) await end();
    return piece;
  };
  async function* take(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0; ) {
      const piece = await next(left).catch((error: unknown) => {
        failure = error;
        throw error;
      });
      left -= piece.length;
      // A connection that breaks throws its own error in here, which is not ours.
      yield piece;
    }
  }
  return {
    take,
    end,
    skip: async (length) => {
      for await (const _ of take(length));
    },
    close: async () => {
      await chunks?.return?.()?.catch(() => undefined);
    },
    failure: () => failure,
  };
}
