/** Part of a file: `length` bytes from `offset` on, or fewer where it ends. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** That the bytes are not what an ELF file may hold. Never leaves this room. */
export class Malformed extends Error {}

const pageSize = 4096;

/** Of a file no more than this many pages are read: a chain that leads all over it is no work of a linker. */
const mostPages = 1024;

/** Characters of all strings together; the largest known programs have some ten thousand. */
const mostCharacters = 1 << 20;

const longestString = 4096;

/**
 * Little-endian numbers and strings of a file whose content may be hostile. What lies near each other is read once, and
 * neither the bytes read nor the strings given ever exceed a fixed sum.
 */
export class Bytes {
  readonly #readAt: ReadAt;
  readonly #size: number;
  readonly #pages = new Map<number, DataView>();
  #characters = 0;

  /** @param size of the file in bytes. */
  constructor(readAt: ReadAt, size: number) {
    this.#readAt = readAt;
    this.#size = size;
  }

  u8(offset: number): number {
    return this.#at(offset, 1).getUint8(0);
  }

  u16(offset: number, littleEndian = true): number {
    return this.#at(offset, 2).getUint16(0, littleEndian);
  }

  u32(offset: number): number {
    return this.#at(offset, 4).getUint32(0, true);
  }

  /** @throws Malformed also for a number that no file is as long as. */
  u64(offset: number): number {
    const value = this.#at(offset, 8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed(`the number at ${offset} is too large`);
    return Number(value);
  }

  /** The string at `offset` that a NUL before `end` ends. */
  text(offset: number, end: number): string {
    const bytes: number[] = [];
    for (let at = offset; ; at++) {
      if (at >= end || bytes.length >= longestString)
        throw new Malformed(`the string at ${offset} has no end`);
      const byte = this.u8(at);
      if (byte === 0) break;
      bytes.push(byte);
    }
    this.#characters += bytes.length;
    if (this.#characters > mostCharacters) throw new Malformed("its strings are too long");
    return Buffer.from(bytes).toString("utf8");
  }

  #at(offset: number, length: number): DataView {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.#size)
      throw new Malformed(`it ends before ${offset}`);
    const number = Math.floor(offset / pageSize);
    const within = offset - number * pageSize;
    const page = this.#page(number);
    if (within + length <= page.byteLength)
      return new DataView(page.buffer, page.byteOffset + within, length);
    const joined = new DataView(new ArrayBuffer(length));
    for (let i = 0; i < length; i++) joined.setUint8(i, this.#at(offset + i, 1).getUint8(0));
    return joined;
  }

  #page(number: number): DataView {
    const known = this.#pages.get(number);
    if (known !== undefined) return known;
    if (this.#pages.size >= mostPages) throw new Malformed("what it says of itself lies all over it");
    const offset = number * pageSize;
    const bytes = this.#readAt(offset, Math.min(pageSize, this.#size - offset));
    if (bytes.length < Math.min(pageSize, this.#size - offset)) throw new Malformed("it became shorter");
    const page = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pages.set(number, page);
    return page;
  }
}
