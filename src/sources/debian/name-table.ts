import { hashBytes } from "./compact-format.ts";

/** Numbers names in the order in which they come. */
export class NameTable {
  #bytes = new Uint8Array(1 << 16);
  #starts = new Uint32Array(1 << 12);
  #hashes = new Uint32Array(1 << 12);
  #slots = new Uint32Array(1 << 13);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of the name that stands at `source[start…end]`. */
  number(source: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(source, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const known = (this.#slots[slot] ?? 0) - 1;
      if (known < 0) return this.#add(hash, slot, source, start, end);
      if (this.#hashes[known] === hash && this.#isSame(known, source, start, end)) return known;
    }
  }

  /** Where each name starts in `bytes`, with the end of the last; all bytes; the hash table, number + 1 in a slot. */
  tables(): { starts: Uint32Array; bytes: Uint8Array; slots: Uint32Array } {
    const end = this.#starts[this.#count] ?? 0;
    return {
      starts: this.#starts.slice(0, this.#count + 1),
      bytes: this.#bytes.subarray(0, end),
      slots: this.#slots,
    };
  }

  #isSame(known: number, source: Uint8Array, start: number, end: number): boolean {
    const knownStart = this.#starts[known] ?? 0;
    if ((this.#starts[known + 1] ?? 0) - knownStart !== end - start) return false;
    for (let at = 0; at < end - start; at++) {
      if (this.#bytes[knownStart + at] !== source[start + at]) return false;
    }
    return true;
  }

  #add(hash: number, slot: number, source: Uint8Array, start: number, end: number): number {
    const number = this.#count++;
    const at = this.#starts[number] ?? 0;
    const newEnd = at + end - start;
    if (newEnd > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(2 * newEnd));
    if (number + 2 > this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(2 * this.#starts.length));
      this.#hashes = grown(this.#hashes, new Uint32Array(2 * this.#hashes.length));
    }
    this.#bytes.set(source.subarray(start, end), at);
    this.#starts[number + 1] = newEnd;
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    if (2 * this.#count > this.#slots.length) this.#rehash();
    return number;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let slot = (this.#hashes[number] ?? 0) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = number + 1;
    }
  }
}

function grown<T extends Uint8Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
