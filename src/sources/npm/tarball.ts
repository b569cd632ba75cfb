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
 * The .tgz of a package as it comes, whatever it is: whoever takes it has to verify the SHA-512 of `part.integrity`.
 *
 * @throws (in the stream) DevenvError `DEVENV_NPM_UNAVAILABLE` when the registry has none, `DEVENV_NPM_METADATA` when
 * the part does not say where it is and what it has to be.
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
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(part.integrity) || !isTarballPath(part.path)) {
    throw new DevenvError("DEVENV_NPM_METADATA", `${name}: the lock has no path and SHA-512 for it`);
  }
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
    if (!stream.write(chunk)) await once(stream, "drain", { signal: stop.signal });
  });
  stream.end();
}
