import { promisify } from "node:util";
import { gunzip as gunzipWithCallback } from "node:zlib";
import { DevenvError } from "../../errors.ts";

const gunzip = promisify(gunzipWithCallback);

/**
 * Unpacks an index file by the ending of its name.
 *
 * @param file its name for errors, its content, and its size when unpacked, which the result never exceeds.
 * @throws DevenvError `DEVENV_ARCHIVE_ALTERED` when it cannot be unpacked or becomes longer than that.
 */
export async function decompress(file: {
  readonly name: string;
  readonly content: Buffer;
  readonly unpackedSize: number;
}): Promise<Buffer> {
  try {
    if (file.name.endsWith(".gz")) {
      // An index without packages is an empty file, and zlib wants a limit of at least one byte.
      return await gunzip(file.content, { maxOutputLength: Math.max(1, file.unpackedSize) });
    }
    if (file.name.endsWith(".xz")) return await unxz(file.content, file.unpackedSize);
    return file.content;
  } catch (cause) {
    throw new DevenvError("DEVENV_ARCHIVE_ALTERED", `${file.name}: cannot be unpacked`, { cause });
  }
}

/** Loaded on first use, as it compiles a WebAssembly module. */
async function unxz(content: Buffer, unpackedSize: number): Promise<Buffer> {
  const { default: xz } = await import("xz-decompress");
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of new xz.XzReadableStream(new Blob([new Uint8Array(content)]).stream())) {
    length += part.length;
    if (length > unpackedSize) throw new RangeError(`longer than ${unpackedSize} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}
