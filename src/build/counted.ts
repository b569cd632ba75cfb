import type { Readable } from "node:stream";

/** The same bytes; `onBytes` is told how many there were so far. */
export async function* counted(
  input: Readable,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    received += chunk.length;
    onBytes(received);
    yield chunk;
  }
}
