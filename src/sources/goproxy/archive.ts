import { createHash } from "node:crypto";
import type { Entry, ZipFile } from "yauzl";
import { DevenvError } from "../../errors.ts";
import { quoteForeign } from "../registry/redact.ts";

/** One file of a module's archive. */
export interface ModuleFile {
  readonly name: string;
  /** Bytes, as checked when it was read the first time. */
  readonly size: number;
}

/** An archive that was read once to its end. */
export interface ModuleArchive {
  /** `h1:` and base64 (golang.org/x/mod/sumdb/dirhash, Hash1). */
  readonly sum: string;
  /** In the order of their names. */
  readonly entries: readonly ModuleFile[];
  read(file: ModuleFile): Promise<AsyncIterable<Buffer>>;
  close(): void;
}

/** Above what any toolchain has; a bomb has more. */
const mostFiles = 100_000;
/** Bytes, unpacked. */
const mostBytes = 4 * 1024 ** 3;

/**
 * Opens the .zip of a module and computes its checksum. Every name is below `module@version/`.
 *
 * @throws DevenvError `DEVENV_GOPROXY_ARCHIVE` for what no archive of the module is.
 */
export async function openArchive(
  file: string,
  module: string,
  signal?: AbortSignal,
): Promise<ModuleArchive> {
  const damaged = (reason: string, cause?: unknown) =>
    new DevenvError("DEVENV_GOPROXY_ARCHIVE", `${module}: its archive ${reason}`, {
      hint: "It was changed or damaged. Try another proxy.",
      ...(cause === undefined ? {} : { cause }),
    });
  let zip: ZipFile | undefined;
  try {
    const { openPromise } = await import("yauzl");
    zip = await openPromise(file, { lazyEntries: true, autoClose: false, strictFileNames: true });
    const found = await listEntries(zip, `${module}/`, damaged);
    const sum = await hashAll(zip, found, damaged, signal);
    const opened = zip;
    return {
      sum,
      entries: [...found.values()].map(({ fileName, uncompressedSize }) => ({
        name: fileName,
        size: uncompressedSize,
      })),
      read: async ({ name }) => {
        const entry = found.get(name);
        if (entry === undefined) throw new Error(`Assertion failed: no ${name} in ${module}`);
        return await opened.openReadStreamPromise(entry);
      },
      close: () => opened.close(),
    };
  } catch (error) {
    zip?.close();
    signal?.throwIfAborted();
    if (error instanceof DevenvError) throw error;
    throw damaged(`cannot be read: ${quoteForeign(error instanceof Error ? error.message : "")}`, error);
  }
}

type Damaged = (reason: string) => DevenvError;

async function listEntries(zip: ZipFile, prefix: string, damaged: Damaged): Promise<Map<string, Entry>> {
  if (zip.entryCount > mostFiles) throw damaged(`has more than ${mostFiles} files`);
  const entries: Entry[] = [];
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    const { fileName, uncompressedSize } = entry;
    bytes += uncompressedSize;
    if (bytes > mostBytes) throw damaged(`has more than ${mostBytes} bytes unpacked`);
    // What is no plain name below the module's would come to stand elsewhere; directories have no file names.
    const rest = fileName.startsWith(prefix) ? fileName.slice(prefix.length) : "";
    if (!rest.split("/").every(isPlain)) throw damaged(`has the file ${quoteForeign(fileName, 100)}`);
    if (entry.isEncrypted()) throw damaged(`has the encrypted file ${quoteForeign(fileName, 100)}`);
    entries.push(entry);
  }
  // The checksum is over names sorted by their bytes.
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.fileName), Buffer.from(b.fileName)));
  const found = new Map(entries.map((entry) => [entry.fileName, entry]));
  if (found.size !== entries.length) throw damaged("has a file twice");
  return found;
}

function isPlain(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[\p{Cc}\\\ufffd]/u.test(name);
}

async function hashAll(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  damaged: Damaged,
  signal: AbortSignal | undefined,
): Promise<string> {
  const all = createHash("sha256");
  for (const [name, entry] of entries) {
    signal?.throwIfAborted();
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      hash.update(chunk);
      size += chunk.length;
    }
    if (size !== entry.uncompressedSize) throw damaged(`has ${quoteForeign(name, 100)} in another size`);
    all.update(`${hash.digest("hex")}  ${name}\n`);
  }
  return `h1:${all.digest("base64")}`;
}
