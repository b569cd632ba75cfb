/** Bytes that are given on at once: writing a pipe takes its time however little it gets. */
const batch = 256 * 1024;
const block = 512;

/** What ends an archive (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const endOfTar = Buffer.alloc(2 * block);

/** Bytes that fill up the last block of a file. */
export function padding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/**
 * The header of an ordinary file that everyone may read, of the year 1970 and root's. Names that a plain header has no
 * room for have a record in front of it (POSIX.1-2017, pax, "pax Extended Header").
 */
export function tarHeader(name: string, size: number): Buffer {
  const bytes = Buffer.from(name);
  if (bytes.length <= 100 && bytes.length === name.length) return plainHeader(bytes, size, "0");
  const record = paxRecord("path", name);
  const parts = [plainHeader(Buffer.from("PaxHeader"), record.length, "x"), record, padding(record.length)];
  return Buffer.concat([...parts, plainHeader(bytes.subarray(0, 100), size, "0")]);
}

function plainHeader(name: Uint8Array, size: number, type: string): Buffer {
  const header = Buffer.alloc(block);
  header.set(name, 0);
  header.write("0000644\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.write("00000000000\0", 136, "latin1");
  header.write(`        ${type}`, 148, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Its length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const digits = String(rest + String(rest).length).length;
  return Buffer.from(`${rest + digits} ${key}=${value}\n`);
}

/** The same bytes in chunks of one size. */
export async function* batched(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let full = Buffer.allocUnsafe(batch);
  let used = 0;
  for await (const chunk of chunks) {
    for (let taken = 0; taken < chunk.length; ) {
      const part = chunk.subarray(taken, taken + batch - used);
      full.set(part, used);
      used += part.length;
      taken += part.length;
      if (used < batch) continue;
      yield full;
      full = Buffer.allocUnsafe(batch);
      used = 0;
    }
  }
  yield full.subarray(0, used);
}
