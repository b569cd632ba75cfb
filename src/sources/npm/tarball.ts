import { createHash } from "node:crypto";
import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { DevenvError } from "../../errors.ts";
import type { LockedNpmPart } from "../../lock/types.ts";
import { fetchInto } from "../fetch.ts";
import { isTarballPath } from "./metadata.ts";
import { type NpmOptions, registryOf } from "./settings.ts";

/** Bytes; the largest toolchains have a third of it. */
const largestTarball = 512 * 1024 * 1024;

/**
 * The .tgz of a package as it comes. The stream ends only when every byte was right, and fails otherwise: nothing of it
 * counts before.
 *
 * @throws (in the stream) DevenvError `DEVENV_NPM_INTEGRITY` when the registry has other content under the name,
 * `DEVENV_NPM_UNAVAILABLE` when it has none.
 */
export function openNpmTarball(part: LockedNpmPart, options: NpmOptions = {}): Readable {
  const stream = new PassThrough();
  pour(part, stream, options).catch((error: unknown) => {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return stream;
}

async function pour(part: LockedNpmPart, stream: PassThrough, options: NpmOptions): Promise<void> {
  const name = `${part.package} ${part.version}`;
  const [algorithm, expected] = /^(sha512)-([A-Za-z0-9+/]{86}==)$/.exec(part.integrity)?.slice(1) ?? [];
  if (algorithm === undefined || !isTarballPath(part.path)) {
    throw new DevenvError("DEVENV_NPM_METADATA", `${name}: the lock has no path and SHA-512 for it`);
  }
  const hash = createHash(algorithm);
  const registry = registryOf(part.package, options);
  const stop = new AbortController();
  // Who reads no more wants no more.
  stream.once("close", () => stop.abort());
  const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal];
  const limits = {
    code: "DEVENV_NPM_UNAVAILABLE",
    limit: options.largestTarball ?? largestTarball,
    headers: registry.headers,
    patience: options.patience,
    signal: AbortSignal.any(signals),
  } as const;
  await fetchInto(`${registry.url}${part.path}`, limits, async (chunk) => {
    hash.update(chunk);
    if (!stream.write(chunk)) await once(stream, "drain", { signal: stop.signal });
  });
  const digest = hash.digest("base64");
  if (digest !== expected) {
    throw new DevenvError(
      "DEVENV_NPM_INTEGRITY",
      `${name}: the registry has ${algorithm}-${digest}, locked is ${part.integrity}`,
      { hint: "The tarball was changed or damaged. Try another registry." },
    );
  }
  stream.end();
}
