import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { extract, type Header } from "tar-stream";

export interface ArchiveEntry {
  readonly header: Header;
  readonly content: Buffer;
}

/** The entries of a tar archive, one after the other. */
export async function* entriesOf(file: string): AsyncGenerator<ArchiveEntry> {
  for await (const entry of createReadStream(file).pipe(extract())) {
    yield { header: entry.header, content: await buffer(entry) };
  }
}
