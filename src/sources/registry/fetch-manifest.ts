import { discard } from "./body.ts";
import { ask, askInTurn, type RegistryClient, type Server } from "./client.ts";
import { digestOf, parseDigest, verify, verifyDigest } from "./digest.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { readManifest, schema1 } from "./manifest.ts";
import { acceptManifests, isSchema1, manifestKinds, mediaTypeOf } from "./media-types.ts";
import { redactURL } from "./redact.ts";
import { formatReference } from "./reference.ts";
import type { RegistryResponse } from "./transport.ts";
import type { Descriptor, Digest, FetchedManifest, Reference, Repository } from "./types.ts";
import { readWhole } from "./whole.ts";

/** Bytes; registries need not take larger ones (OCI distribution specification, "Pushing Manifests"). */
const largestManifest = 4 * 1024 * 1024;

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a manifest by its reference, by digest if that has one, and verifies it.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE`, `DEVENV_REGISTRY_DIGEST`, what {@link readManifest} throws for its
 * content, and those of {@link errorOfStatus}.
 */
export function fetchManifest(
  client: RegistryClient,
  reference: Reference,
  options: FetchOptions = {},
): Promise<FetchedManifest> {
  const { registry, repository, digest, tag = "latest" } = reference;
  return askInTurn(client, { registry, repository }, (server) =>
    fetchFrom(server, digest ?? tag, digest === undefined ? {} : { digest }, options),
  );
}

/**
 * Fetches the manifest that a descriptor stands for: size and media type must be as it says, too.
 *
 * @throws DevenvError as {@link fetchManifest} does.
 */
export function fetchDescribedManifest(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  options: FetchOptions = {},
): Promise<FetchedManifest> {
  if (descriptor.size > largestManifest) {
    const name = formatReference({ ...repository, digest: descriptor.digest });
    throw registryError(
      "DEVENV_REGISTRY_SIZE",
      `${name}: the manifest has more than ${largestManifest} bytes`,
    );
  }
  return askInTurn(client, repository, (server) => fetchFrom(server, descriptor.digest, descriptor, options));
}

/**
 * What a tag stands for at this moment, without the content where the registry can say it so; that does not count as a
 * pull.
 *
 * @throws DevenvError as {@link fetchManifest} does.
 */
export function resolveTag(
  client: RegistryClient,
  reference: Reference,
  options: FetchOptions = {},
): Promise<Descriptor> {
  const { registry, repository, tag = "latest" } = reference;
  return askInTurn(client, { registry, repository }, async (server) => {
    const response = await request(server, "HEAD", tag, options);
    const described = response.status === 200 ? describedByHeaders(response) : undefined;
    if (described !== undefined) {
      discard(response);
      return described;
    }
    // The answer to a GET says in its body why; after a limit it would be one request more that counts.
    if (response.status === 429 || response.status >= 500)
      throw await errorOfStatus(response, { method: "HEAD" });
    discard(response);
    return (await fetchFrom(server, tag, {}, options)).descriptor;
  });
}

/** Undefined when the registry leaves something out (OCI distribution specification, "Checking if content exists"). */
function describedByHeaders(response: RegistryResponse): Descriptor | undefined {
  const mediaType = mediaTypeOf(response.header("content-type"));
  const digest = response.header("docker-content-digest");
  const length = response.header("content-length");
  if (mediaType === undefined || digest === undefined || !/^\d{1,8}$/.test(length ?? "")) return undefined;
  if (!manifestKinds.has(mediaType) || isSchema1(mediaType)) return undefined;
  return { mediaType, digest: parseDigest(digest, redactURL(response.url)), size: Number(length) };
}

function request(server: Server, method: "GET" | "HEAD", name: string, options: FetchOptions) {
  const headers = { accept: acceptManifests };
  return ask(server, { method, path: `manifests/${name}`, headers, signal: options.signal });
}

type Expected = Partial<Pick<Descriptor, "digest" | "size" | "mediaType">>;

async function fetchFrom(
  server: Server,
  name: string,
  expected: Expected,
  options: FetchOptions,
): Promise<FetchedManifest> {
  const { response, bytes } = await readWhole(() => request(server, "GET", name, options), {
    limit: largestManifest,
    patience: server.patience,
    signal: options.signal,
  });
  const where = redactURL(response.url);
  // Its digest is not that of its bytes, which would be the complaint otherwise.
  if (isSchema1(mediaTypeOf(response.header("content-type")) ?? "")) throw schema1(where);
  const digest = verified(bytes, expected, response.header("docker-content-digest"), where);
  const manifest = readManifest(bytes, response.header("content-type"), where);
  const { mediaType } = manifest;
  if (expected.mediaType !== undefined && expected.mediaType !== mediaType) {
    throw registryError(
      "DEVENV_REGISTRY_MEDIA_TYPE",
      `${where}: the manifest is of type ${mediaType}, the index calls it ${expected.mediaType}`,
    );
  }
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, manifest };
}

/** The digest that is known to be right: the one asked for, else the registry's, else our own. */
function verified(bytes: Buffer, expected: Expected, header: string | undefined, where: string): Digest {
  const { digest = header === undefined ? digestOf(bytes) : parseDigest(header, where), size } = expected;
  if (size === undefined) verifyDigest(bytes, digest, where);
  else verify(bytes, { digest, size }, where);
  return digest;
}
