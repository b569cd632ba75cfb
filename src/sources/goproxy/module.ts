import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { pack } from "tar-stream";
import { DevenvError } from "../../errors.ts";
import type { LockedModulePart } from "../../lock/types.ts";
import { fetchInto } from "../fetch.ts";
import { redactURL } from "../registry/redact.ts";
import { type ModuleArchive, openArchive } from "./archive.ts";
import { type GoOptions, goProxies } from "./settings.ts";

/** Bytes; the largest toolchains have a third of it. */
const largestArchive = 512 * 1024 * 1024;

/**
 * The files of a module as an uncompressed tar archive, with the names that they have in the .zip:
 * `golang.org/toolchain@v0.0.1-go1.22.5.linux-amd64/bin/go`. The .zip is brought to `file`, a temporary path, where
 * it has no name any more as soon as it is open; nothing comes before its content was the one with the locked checksum.
 *
 * Archives of modules hold no `go.mod` but the module's own; where one of a toolchain stands as `_go.mod`, it has its
 * own name again, as the go command gives it.
 *
 * @throws (in the stream) DevenvError `DEVENV_GOPROXY_SUM` when the proxies have other content under the name,
 * `DEVENV_GOPROXY_ARCHIVE` for what no archive of a module is, `DEVENV_GOPROXY_UNAVAILABLE` when no proxy has it.
 */
export function openGoModule(part: LockedModulePart, file: string, options: GoOptions = {}): Readable {
  const stream = new PassThrough();
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
  const archive = await download(part, file, { ...options, signal });
  try {
    await writeTar(archive, stream, signal);
  } finally {
    archive.close();
  }
}

/** From the first proxy that has the right content. */
async function download(
  part: LockedModulePart,
  file: string,
  options: GoOptions & { readonly signal: AbortSignal },
): Promise<ModuleArchive> {
  const name = `${part.module}@${part.version}`;
  const failures: DevenvError[] = [];
  for (const proxy of goProxies(options)) {
    const url = `${proxy.url}/${part.path}`;
    try {
      await save(url, file, proxy.headers, options);
      const archive = await openArchive(file, name, options.signal);
      if (archive.sum === part.sum) return archive;
      archive.close();
      throw new DevenvError(
        "DEVENV_GOPROXY_SUM",
        `${name}: ${redactURL(url)} has ${archive.sum}, locked is ${part.sum}`,
        { hint: "The archive was changed or damaged. Try another proxy." },
      );
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

async function writeTar(archive: ModuleArchive, stream: PassThrough, signal: AbortSignal): Promise<void> {
  const tar = pack();
  tar.on("error", (error) => stream.destroy(error));
  tar.pipe(stream);
  for (const entry of archive.entries) {
    signal.throwIfAborted();
    const name = entry.name.replace(/\/_go\.mod$/, "/go.mod");
    const target = tar.entry({ name, size: entry.size, mode: 0o644, type: "file", mtime: new Date(0) });
    for await (const chunk of await archive.read(entry)) {
      if (!target.write(chunk)) await once(target, "drain", { signal });
    }
    target.end(undefined);
  }
  tar.finalize();
}
