import { DevenvError } from "../../errors.ts";
import { backOff } from "../../store/index.ts";
import { checkHop } from "./address.ts";
import { discard } from "./body.ts";
import { ask, originOf, type RegistryClient, type Server, scopeOf } from "./client.ts";
import { digestOf } from "./digest.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { readManifest } from "./manifest.ts";
import { redactURL } from "./redact.ts";
import { formatReference } from "./reference.ts";
import type { RegistryResponse } from "./transport.ts";
import type { Descriptor, Reference, Repository } from "./types.ts";

export interface PushBlobOptions {
  /** Another repository of the same registry that may have the blob. */
  readonly mountFrom?: string;
  readonly signal?: AbortSignal | undefined;
}

/** How a blob came to be in the repository. */
export type Pushed = "existed" | "mounted" | "uploaded";

type KnownContent = Pick<Descriptor, "digest" | "size">;

/**
 * Sees to it that a repository has a blob (OCI distribution specification, "Pushing Blobs"): nothing is sent when it is
 * there or can be mounted. `open` makes the stream of its bytes, once for each try.
 *
 * @throws DevenvError `DEVENV_REGISTRY_UPLOAD` when the registry does not take it, `DEVENV_REGISTRY_SIZE` when the
 * stream has another size than the descriptor, and those of {@link errorOfStatus}.
 */
export async function pushBlob(
  client: RegistryClient,
  repository: Repository,
  content: KnownContent,
  open: () => AsyncIterable<Uint8Array>,
  options: PushBlobOptions = {},
): Promise<Pushed> {
  const server = originOf(client, repository);
  const { signal } = options;
  if (await blobExists(client, repository, content, signal)) return "existed";
  for (let tries = 1; ; tries++) {
    try {
      const place = await startUpload(server, content, tries === 1 ? options : { signal });
      if (place === undefined) return "mounted";
      await upload(server, place, content, open, signal);
      return "uploaded";
    } catch (error) {
      signal?.throwIfAborted();
      const again = error instanceof DevenvError && isWorthATry(error);
      if (!again || tries >= server.patience.tries) throw error;
      await backOff(tries, server.patience, undefined, signal);
    }
  }
}

/**
 * Whether the registry itself has a blob in a repository.
 *
 * @throws DevenvError those of {@link errorOfStatus}.
 */
export async function blobExists(
  client: RegistryClient,
  repository: Repository,
  { digest }: Pick<Descriptor, "digest">,
  signal?: AbortSignal,
): Promise<boolean> {
  const server = originOf(client, repository);
  const response = await ask(server, { method: "HEAD", path: `blobs/${digest}`, signal });
  if (response.status !== 200 && response.status !== 404)
    throw await errorOfStatus(response, { method: "HEAD" });
  discard(response);
  return response.status === 200;
}

/**
 * Stores a manifest, under the reference's tag if it has one, and says what it is now known by. What it names must be
 * there already.
 *
 * @throws DevenvError `DEVENV_REGISTRY_UPLOAD` when the registry stored something else, what {@link readManifest}
 * throws for what is none, and those of {@link errorOfStatus}.
 */
export async function pushManifest(
  client: RegistryClient,
  reference: Reference,
  bytes: Uint8Array,
  mediaType: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Descriptor> {
  const digest = digestOf(bytes, reference.digest);
  const name = formatReference(reference);
  if (reference.digest !== undefined && reference.digest !== digest) {
    throw registryError(
      "DEVENV_REGISTRY_DIGEST",
      `${name}: the manifest to push has another digest: ${digest}`,
    );
  }
  readManifest(bytes, mediaType, name);
  const server = originOf(client, reference);
  const response = await ask(server, {
    method: "PUT",
    path: `manifests/${reference.tag ?? digest}`,
    headers: { "content-type": mediaType },
    body: () => bytes,
    push: true,
    signal: options.signal,
  });
  if (response.status !== 201) throw await errorOfStatus(response, { method: "PUT" });
  discard(response);
  const stored = response.header("docker-content-digest") ?? digest;
  // Registries may name it by an algorithm of their own choice.
  if (stored !== digest && stored !== digestOf(bytes, "sha256:")) {
    throw registryError(
      "DEVENV_REGISTRY_UPLOAD",
      `${name}: the registry stored another manifest than was sent`,
    );
  }
  return { mediaType, digest, size: bytes.length };
}

/** Where to send the blob; undefined when it was mounted. */
async function startUpload(
  server: Server,
  { digest }: KnownContent,
  { mountFrom, signal }: PushBlobOptions,
): Promise<string | undefined> {
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
  return placeIn(response, server);
}

/** The Location of an upload, which may be relative, and at another server, for which our credentials are not. */
function placeIn(response: RegistryResponse, server: Server): string {
  const location = response.header("location");
  if (location === undefined || !URL.canParse(location, response.url)) {
    throw registryError(
      "DEVENV_REGISTRY_UPLOAD",
      `POST ${redactURL(response.url)}: the registry names no place for the upload`,
    );
  }
  const { href } = new URL(location, response.url);
  checkHop(href, server.endpoint.url, "an upload to");
  return href;
}

async function upload(
  server: Server,
  place: string,
  content: KnownContent,
  open: () => AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The registry's own parameters must stay as they are: they may be signed.
  const url = `${place}${place.includes("?") ? "&" : "?"}digest=${encodeURIComponent(content.digest)}`;
  const failures: unknown[] = [];
  const sent = server.send({
    method: "PUT",
    url,
    headers: { "content-type": "application/octet-stream", "content-length": String(content.size) },
    body: () => exactly(content, open, failures),
    scopes: [scopeOf(server, true)],
    once: true,
    signal,
  });
  const response = await sent.catch((error: unknown) => {
    throw failures[0] ?? error;
  });
  if (response.status !== 201) throw await errorOfStatus(response, { method: "PUT" });
  discard(response);
}

/** What goes wrong on our side is noted in `failures`: to the connection it is one more reason to break. */
async function* exactly(
  { digest, size }: KnownContent,
  open: () => AsyncIterable<Uint8Array>,
  failures: unknown[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0;
  try {
    for await (const chunk of open()) {
      length += chunk.length;
      if (length > size) break;
      yield chunk;
    }
    if (length === size) return;
    const found = length > size ? `more than ${size}` : String(length);
    throw registryError(
      "DEVENV_REGISTRY_SIZE",
      `${digest}: there are ${found} bytes to push instead of ${size}`,
    );
  } catch (error) {
    failures.push(error);
    throw error;
  }
}

/** An upload that broke off or was forgotten begins anew. */
function isWorthATry({ code }: DevenvError): boolean {
  return code === "DEVENV_REGISTRY_UNAVAILABLE" || code === "DEVENV_REGISTRY_NOT_FOUND";
}
