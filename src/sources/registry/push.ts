import { DevenvError } from "../../errors.ts";
import { backOff } from "../../store/index.ts";
import { discard } from "./body.ts";
import { ask, originOf, type RegistryClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { readManifest } from "./manifest.ts";
import { formatReference } from "./reference.ts";
import type { Descriptor, Reference, Repository } from "./types.ts";
import {
  findPosition,
  fitsOneChunk,
  type KnownContent,
  type Open,
  sendChunks,
  sendWhole,
  startUpload,
  type Upload,
} from "./upload.ts";

export interface PushBlobOptions {
  /** Another repository of the same registry that may have the blob. */
  readonly mountFrom?: string;
  readonly signal?: AbortSignal | undefined;
}

/** How a blob came to be in the repository. */
export type Pushed = "existed" | "mounted" | "uploaded";

/**
 * Sees to it that a repository has a blob (OCI distribution specification, "Pushing Blobs"): nothing is sent when it is
 * there or can be mounted. Every registry takes a blob with one request, so that is tried first; when the connection
 * breaks or the registry finds it too much, it goes on in chunks, from where the registry says that it is, if it does.
 * `open` makes the stream of its bytes, once for each try.
 *
 * @throws DevenvError `DEVENV_REGISTRY_UPLOAD` when the registry does not take it, `DEVENV_REGISTRY_SIZE` when the
 * stream has another size than the descriptor, and those of {@link errorOfStatus}.
 */
export async function pushBlob(
  client: RegistryClient,
  repository: Repository,
  content: KnownContent,
  open: Open,
  options: PushBlobOptions = {},
): Promise<Pushed> {
  const server = originOf(client, repository);
  const { mountFrom, signal } = options;
  if (await blobExists(client, repository, content, signal)) return "existed";
  const first = await startUpload(server, content, mountFrom, signal);
  if (first === undefined) return "mounted";
  let upload: Upload | undefined = first;
  let inChunks = false;
  for (let fruitless = 0; ; ) {
    const before: number = upload?.position ?? 0;
    let failure: DevenvError | undefined;
    try {
      upload ??= await startUpload(server, content, undefined, signal);
      if (upload === undefined) throw new Error("Assertion failed: mounted from nowhere");
      const way = inChunks && !fitsOneChunk(upload, content) ? sendChunks : sendWhole;
      if (await way(server, upload, content, open, signal)) return "uploaded";
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DevenvError) || !isWorthATry(error)) throw error;
      failure = error;
    }
    inChunks = true;
    upload = upload === undefined ? undefined : await findPosition(server, upload, content, signal);
    fruitless = (upload?.position ?? 0) > before ? 1 : fruitless + 1;
    if (fruitless >= server.patience.tries) throw failure ?? outOfStep(repository, content);
    await backOff(fruitless, server.patience, undefined, signal);
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

function outOfStep(repository: Repository, { digest }: KnownContent): DevenvError {
  return registryError(
    "DEVENV_REGISTRY_UPLOAD",
    `${formatReference(repository)}: ${digest}: the registry does not take the chunks in their order`,
  );
}

/** An upload that broke off goes on, one that was forgotten begins anew. */
function isWorthATry({ code }: DevenvError): boolean {
  return code === "DEVENV_REGISTRY_UNAVAILABLE" || code === "DEVENV_REGISTRY_NOT_FOUND";
}
