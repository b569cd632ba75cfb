import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { DevenvError } from "../../errors.ts";
import type { LockedModulePart } from "../../lock/types.ts";
import { fetchInto } from "../fetch.ts";
import { redactURL } from "../registry/redact.ts";
import { type ModuleArchive, openArchive } from "./archive.ts";
import { type GoOptions, goProxies } from "./settings.ts";
import { batched, endOfTar, padding, tarHeader } from "./tar.ts";

/** Bytes; the largest toolchains have a third of it. */
const largestArchive = 512 * 1024 * 1024;
/** Bytes that are ready before somebody takes them. */
const ahead = 1024 * 1024;

/**
 * The files of a module as an uncompressed tar archive, with the names that they have in the .zip:
 * `golang.org/toolchain@v0.0.1-go1.22.5.linux-amd64/bin/go`. The .zip is brought to `file`, a temporary path, where
 * it has no name any more as soon as it is open. The stream ends only when all of it had the locked checksum, and fails
 * otherwise: nothing of it counts before. A proxy with other content ends the search, as for the go command.
 *
 * Archives of modules hold no `go.mod` but the module's own; where one of a toolchain stands as `_go.mod`, it has its
 * own name again, as the go command gives it.
 *
 * @throws (in the stream) DevenvError `DEVENV_GOPROXY_SUM` when the proxy has other content under the name,
 * `DEVENV_GOPROXY_ARCHIVE` for what no archive of a module is, `DEVENV_GOPROXY_UNAVAILABLE` when no proxy has it.
 */
export function openGoModule(part: LockedModulePart, file: string, options: GoOptions = {}): Readable {
  const stream = new PassThrough({ highWaterMark: ahead });
  pour(part, file, stream, options).catch((error: unknown) => {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return stream;
}

async function pour(
  part: LockedModulePart,
  file: string,
  stream: PassThrough,
  options: GoOptions,
): Promise<void> {
  const stop = new AbortController();
  // Who reads no more wants no more.
  stream.once("close", () => stop.abort());
  const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal];
  const signal = AbortSignal.any(signals);
  const { archive, title } = await download(part, file, { ...options, signal });
  try {
    for await (const chunk of batched(tarOf(archive, title, part))) {
      signal.throwIfAborted();
      if (!stream.write(chunk)) await once(stream, "drain", { signal });
    }
  } finally {
    archive.close();
  }
  stream.end();
}

/** From the first proxy that has an archive of the module. */
async function download(
  part: LockedModulePart,
  file: string,
  options: GoOptions & { readonly signal: AbortSignal },
): Promise<{ archive: ModuleArchive; title: string }> {
  const name = `${part.module}@${part.version}`;
  const failures: DevenvError[] = [];
  for (const proxy of goProxies(options)) {
    const url = `${proxy.url}/${part.path}`;
    const title = `${name}: ${redactURL(url)}`;
    try {
      await save(url, file, proxy.headers, options);
      return { archive: await openArchive(file, name, title), title };
    } catch (error) {
      if (!(error instanceof DevenvError)) throw error;
      failures.push(error);
    } finally {
      await rm(file, { force: true });
    }
  }
  const wrong = failures.find(({ code }) => code !== "DEVENV_GOPROXY_UNAVAILABLE") ?? failures[0];
  throw wrong ?? new DevenvError("DEVENV_GOPROXY_UNAVAILABLE", `${name}: GOPROXY names no module proxy`);
}

/** Ends only when the checksum is the locked one: `h1:` and base64 (golang.org/x/mod/sumdb/dirhash, Hash1). */
async function* tarOf(
  { files }: ModuleArchive,
  title: string,
  { sum }: LockedModulePart,
): AsyncGenerator<Buffer> {
  const all = createHash("sha256");
  for (const { name, size, read } of files) {
    const hash = createHash("sha256");
    yield tarHeader(name.replace(/\/_go\.mod$/, "/go.mod"), size);
    for await (const chunk of read()) {
      hash.update(chunk);
      yield chunk;
    }
    yield padding(size);
    all.update(`${hash.digest("hex")}  ${name}\n`);
  }
  const found = `h1:${all.digest("base64")}`;
  if (found !== sum) {
    throw new DevenvError("DEVENV_GOPROXY_SUM", `${title} has ${found}, locked is ${sum}`, {
      hint: "The archive was changed or damaged. Try another proxy.",
    });
  }
  yield endOfTar;
}

async function save(
  url: string,
  file: string,
  headers: Readonly<Record<string, string>>,
  options: GoOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const target = createWriteStream(file, { mode: 0o600 });
  const done = finished(target);
  // A failure to write is told by the promise; it must not be nobody's before somebody waits.
  done.catch(() => {});
  const limits = {
    code: "DEVENV_GOPROXY_UNAVAILABLE",
    limit: options.largestArchive ?? largestArchive,
    headers,
    patience: options.patience,
    signal: options.signal,
  } as const;
  try {
    await fetchInto(url, limits, async (chunk) => {
      if (!target.write(chunk)) await Promise.race([once(target, "drain"), done]);
    });
    target.end();
    await done;
  } finally {
    target.destroy();
  }
}
