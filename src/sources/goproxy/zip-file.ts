import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createInflateRaw, inflateRawSync } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";

/** A .zip archive on disk. */
export interface OpenZip {
  /** How many entries it says it has. */
  readonly count: number;
  /** What its directory says of one after the other; to be asked for once. */
  entries(): AsyncIterable<Entry>;
  /** The bytes of a file that `canDecodeFileData()`. How many come is for the caller to check. */
  content(entry: Entry): Iterable<Buffer> | AsyncIterable<Buffer>;
  close(): void;
}

/** Bytes; what has no more is unpacked at once, for a stream takes many times as long as its content. */
const smallFile = 1024 * 1024;
/** Bytes that are read or unpacked at once. */
const window = 256 * 1024;
/** Bytes of a local file header before the name (APPNOTE.TXT 4.3.7). */
const headerSize = 30;

/**
 * Opens a .zip archive that was just written: the system still has it in memory, so that reading takes less time than
 * waiting for it.
 *
 * @throws Error for what is no such archive, also while it is read.
 */
export async function openZip(file: string): Promise<OpenZip> {
  const descriptor = openSync(file, "r");
  try {
    const zip = await openDirectory(descriptor);
    return {
      count: zip.entryCount,
      entries: () => zip.eachEntry(),
      content: (entry) => contentOf(descriptor, entry),
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Has a reader of its own, because that of yauzl asks the system twice for each entry. */
async function openDirectory(descriptor: number): Promise<ZipFile> {
  const { fromRandomAccessReaderPromise, RandomAccessReader } = await import("./yauzl.ts");
  const held = Buffer.alloc(window);
  let start = 0;
  let end = 0;
  class Reader extends RandomAccessReader {
    override read(
      target: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null, bytes?: number) => void,
    ): void {
      const wanted = Math.min(length, window);
      if (position < start || position + wanted > end) {
        start = position;
        end = start + readSync(descriptor, held, 0, window, start);
      }
      callback(null, held.copy(target, offset, position - start, Math.min(position + wanted, end) - start));
    }
  }
  const { size } = fstatSync(descriptor);
  const options = { lazyEntries: true, autoClose: false, strictFileNames: true };
  return await fromRandomAccessReaderPromise(new Reader(), size, options);
}

function contentOf(descriptor: number, entry: Entry): Iterable<Buffer> | AsyncIterable<Buffer> {
  const { compressedSize, uncompressedSize } = entry;
  const start = dataStart(descriptor, entry);
  if (Math.max(compressedSize, uncompressedSize) > smallFile) return streamOf(descriptor, entry, start);
  const data = readExactly(descriptor, compressedSize, start);
  if (!entry.isCompressed()) return [data];
  const size = Math.max(uncompressedSize + 1, 64);
  return [inflateRawSync(data, { chunkSize: size, maxOutputLength: size })];
}

/** The header before the file says itself how long it is. */
function dataStart(descriptor: number, { relativeOffsetOfLocalHeader }: Entry): number {
  const header = readExactly(descriptor, headerSize, relativeOffsetOfLocalHeader);
  if (header.readUInt32LE(0) !== 0x04034b50) throw new Error("a file has no header");
  return relativeOffsetOfLocalHeader + headerSize + header.readUInt16LE(26) + header.readUInt16LE(28);
}

function readExactly(descriptor: number, length: number, position: number): Buffer {
  const target = Buffer.allocUnsafe(length);
  if (readSync(descriptor, target, 0, length, position) < length) throw new Error("a file is cut off");
  return target;
}

function streamOf(descriptor: number, entry: Entry, start: number): AsyncIterable<Buffer> {
  const packed = Readable.from(pieces(descriptor, start, start + entry.compressedSize));
  if (!entry.isCompressed()) return packed;
  // Whoever reads the end of it is told of every failure.
  return pipeline(packed, createInflateRaw({ chunkSize: window }), () => {});
}

function* pieces(descriptor: number, start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; at += window) yield readExactly(descriptor, Math.min(window, end - at), at);
}
