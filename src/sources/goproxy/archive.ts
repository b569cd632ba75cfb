import type { Entry } from "yauzl";
import { DevenvError } from "../../errors.ts";
import { quoteForeign } from "../registry/redact.ts";
import { type OpenZip, openZip } from "./zip-file.ts";

/** An archive whose names and sizes can be those of a module; of its content nothing is known. */
export interface ModuleArchive {
  /** In the order of their names. */
  readonly files: readonly ModuleFile[];
  close(): void;
}

/** One file of a module's archive. */
export interface ModuleFile {
  readonly name: string;
  /** Bytes; as many come, or reading fails. */
  readonly size: number;
  /** @throws DevenvError `DEVENV_GOPROXY_ARCHIVE` */
  read(): AsyncIterable<Buffer>;
}

/** Above what any toolchain has; a bomb has more. */
const mostFiles = 100_000;
/** Bytes, unpacked. */
const mostBytes = 4 * 1024 ** 3;

/**
 * Opens the .zip of a module. Every name is below `module@version/`, and there once.
 *
 * @throws DevenvError `DEVENV_GOPROXY_ARCHIVE` for what no archive of the module is; `title` says whose it is.
 */
export async function openArchive(file: string, module: string, title: string): Promise<ModuleArchive> {
  const damaged: Damaged = (reason, cause) =>
    new DevenvError("DEVENV_GOPROXY_ARCHIVE", `${title} ${reason}`, {
      hint: "It was changed or damaged. Try another proxy.",
      ...(cause === undefined ? {} : { cause }),
    });
  let zip: OpenZip | undefined;
  try {
    zip = await openZip(file);
    const opened = zip;
    const entries = await listEntries(opened, `${module}/`, damaged);
    const files = entries.map((entry) => ({
      name: entry.fileName,
      size: entry.uncompressedSize,
      read: () => readFile(opened, entry, damaged),
    }));
    return { files, close: () => opened.close() };
  } catch (error) {
    zip?.close();
    throw unreadable(error, damaged);
  }
}

type Damaged = (reason: string, cause?: unknown) => DevenvError;

function unreadable(error: unknown, damaged: Damaged): DevenvError {
  if (error instanceof DevenvError) return error;
  return damaged(`cannot be read: ${quoteForeign(error instanceof Error ? error.message : "")}`, error);
}

async function listEntries(zip: OpenZip, prefix: string, damaged: Damaged): Promise<Entry[]> {
  if (zip.count > mostFiles) throw damaged(`has more than ${mostFiles} files`);
  const entries: Entry[] = [];
  let bytes = 0;
  for await (const entry of zip.entries()) {
    const { fileName, uncompressedSize } = entry;
    bytes += uncompressedSize;
    if (bytes > mostBytes) throw damaged(`has more than ${mostBytes} bytes unpacked`);
    // What is no plain name below the module's would come to stand elsewhere; directories have no file names.
    const rest = fileName.startsWith(prefix) ? fileName.slice(prefix.length) : "";
    if (!rest.split("/").every(isPlain)) throw damaged(`has the file ${quoteForeign(fileName, 100)}`);
    if (!entry.canDecodeFileData())
      throw damaged(`has the file ${quoteForeign(fileName, 100)} encrypted or packed in another way`);
    entries.push(entry);
  }
  // The checksum is over names sorted by their bytes.
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.fileName), Buffer.from(b.fileName)));
  if (new Set(entries.map(({ fileName }) => fileName)).size !== entries.length)
    throw damaged("has a file twice");
  return entries;
}

function isPlain(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[\p{Cc}\\\ufffd]/u.test(name);
}

async function* readFile(zip: OpenZip, entry: Entry, damaged: Damaged): AsyncGenerator<Buffer> {
  let size = 0;
  try {
    for await (const chunk of zip.content(entry)) {
      size += chunk.length;
      if (size > entry.uncompressedSize) break;
      yield chunk;
    }
  } catch (error) {
    throw unreadable(error, damaged);
  }
  if (size !== entry.uncompressedSize)
    throw damaged(`has ${quoteForeign(entry.fileName, 100)} in another size`);
}
