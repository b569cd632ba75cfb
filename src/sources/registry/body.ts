import type { RegistryResponse } from "./transport.ts";

/**
 * The whole body; undefined when it is longer than `limit` bytes, of which no more is then read.
 *
 * @throws what the connection breaks with.
 */
export async function readLimited(response: RegistryResponse, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** For a body that nobody reads; its error would otherwise be nobody's. */
export function discard(response: RegistryResponse): void {
  response.body.on("error", () => {}).destroy();
}
