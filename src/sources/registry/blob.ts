import type { Hash } from "node:crypto";
import { Readable } from "node:stream";
import { blobFrom, type Progress } from "./blob-transfer.ts";
import { askInTurn, type Failure, failureOrThrow, furthest, type RegistryClient } from "./client.ts";
import { digestOf, finish, hashFor, verify } from "./digest.ts";
import { registryError } from "./errors.ts";
import { formatReference } from "./reference.ts";
import type { Descriptor, Repository } from "./types.ts";

export interface BlobOptions {
  /** Whether the digest is verified here, which ends the stream with an error; else it is up to who reads. */
  readonly verify: boolean;
  readonly signal?: AbortSignal | undefined;
  /** How many servers are not asked, those that are asked first otherwise: what they gave was wrong. */
  readonly skip?: number;
  /** Told of each server that bytes come from, when the first ones come. */
  readonly onServer?: (server: BlobServer) => void;
  /** Told how many bytes there are with those that come next. */
  readonly onBytes?: (bytes: number) => void;
}

/** Where bytes come from. */
export interface BlobServer {
  readonly url: string;
  /** Of all servers of the repository, including those not asked: 0 for the one that is asked first. */
  readonly position: number;
  /** Whether it is the registry itself, behind which there is none. */
  readonly last: boolean;
}

/** Bytes, of a blob that is kept in memory. */
const largestInMemory = 16 * 1024 * 1024;

/**
 * The bytes of a blob. Broken connections are resumed where they ended, with the next server when one fails for good,
 * and there are never more or fewer bytes than the descriptor says.
 *
 * The stream fails with DevenvError `DEVENV_REGISTRY_SIZE`, `DEVENV_REGISTRY_DIGEST`, `DEVENV_REGISTRY_UNAVAILABLE`,
 * and those of {@link errorOfStatus}.
 */
export function openBlob(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  options: BlobOptions,
): Readable {
  return Readable.from(blobFromAll(client, repository, descriptor, options), { objectMode: false });
}

/**
 * A small blob, such as an image's configuration, verified; a server with wrong bytes is passed over.
 *
 * @throws DevenvError as the stream of {@link openBlob} does, and `DEVENV_REGISTRY_SIZE` for one too large for memory.
 */
export async function readBlob(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Buffer> {
  const name = formatReference({ ...repository, digest: descriptor.digest });
  if (descriptor.size > largestInMemory) {
    throw registryError(
      "DEVENV_REGISTRY_SIZE",
      `${name}: has ${descriptor.size} bytes, ${largestInMemory} at most`,
    );
  }
  const known = knownContent(descriptor);
  if (known !== undefined) {
    verify(known, descriptor, name);
    return known;
  }
  return askInTurn(client, repository, async (server) => {
    const chunks: Uint8Array[] = [];
    const progress: Progress = { descriptor, position: 0 };
    for await (const chunk of blobFrom(server, progress, signal)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    verify(bytes, descriptor, name);
    return bytes;
  });
}

/** Content that needs no registry: what the descriptor holds itself, nothing, and OCI's empty value. */
function knownContent({ data, digest, size }: Descriptor): Buffer | undefined {
  if (data !== undefined) return Buffer.from(data, "base64");
  if (size === 0) return Buffer.alloc(0);
  const empty = Buffer.from("{}");
  return size === empty.length && digestOf(empty, digest) === digest ? empty : undefined;
}

async function* blobFromAll(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  options: BlobOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const name = formatReference({ ...repository, digest: descriptor.digest });
  const known = knownContent(descriptor);
  if (known !== undefined) {
    verify(known, descriptor, name);
    options.onBytes?.(known.length);
    if (known.length > 0) yield known;
    return;
  }
  const hash = options.verify ? hashFor(descriptor.digest) : undefined;
  const progress: Progress = { descriptor, position: 0 };
  const failures: Failure[] = [];
  const servers = client.serversOf(repository);
  for (const [position, server] of servers.entries()) {
    if (position < (options.skip ?? 0)) continue;
    let isTold = false;
    try {
      for await (const chunk of blobFrom(server, progress, options.signal)) {
        if (!isTold)
          options.onServer?.({ url: server.endpoint.url, position, last: position === servers.length - 1 });
        isTold = true;
        hash?.update(chunk);
        options.onBytes?.(progress.position);
        yield chunk;
      }
      checkHash(hash, descriptor, name);
      return;
    } catch (error) {
      failures.push({ server, error: failureOrThrow(error) });
      // With all bytes given on, another server could not mend it.
      if (progress.position === descriptor.size) break;
    }
  }
  throw furthest(failures);
}

function checkHash(hash: Hash | undefined, { digest }: Descriptor, name: string): void {
  if (hash === undefined) return;
  const actual = finish(hash, digest);
  if (actual === digest) return;
  throw registryError("DEVENV_REGISTRY_DIGEST", `${name}: what came has another digest: ${actual}`);
}
