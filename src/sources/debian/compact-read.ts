import {
  Flag,
  fixedRecordBytes,
  formatVersion,
  Header,
  hashBytes,
  magic,
  multiArchValues,
  type TextField,
  textFieldNames,
} from "./compact-format.ts";
import type { ArchiveName, PackageRecord } from "./types.ts";

/** What the records of an index have in common. */
export interface Origin {
  readonly archive: ArchiveName;
  readonly suite: string;
  /** How many suites come before this one. */
  readonly suitesBefore: number;
}

/** More names than any suite mentions. */
const namesPerSuite = 2 ** 24;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Whether a compact form is whole, of this format version, and made from the Packages file with this digest. If not,
 * it must be made again.
 */
export function isCompactOf(file: Buffer, sha256: string): boolean {
  if (file.length < Header.size || !file.subarray(0, magic.length).equals(magic)) return false;
  const header = new Uint32Array(file.buffer, file.byteOffset, Header.size / 4);
  return (
    header[Header.version / 4] === formatVersion &&
    header[Header.length / 4] === file.length &&
    file.toString("hex", Header.sha256, Header.sha256 + 32) === sha256
  );
}

/** Looks into the compact form of one Packages file; decodes a record when it is asked for. */
export class CompactIndex {
  readonly #origin: Origin;
  readonly #nameStarts: Uint32Array;
  readonly #firstRecords: Uint32Array;
  readonly #firstProvided: Uint32Array;
  readonly #nameSlots: Uint32Array;
  readonly #recordStarts: Uint32Array;
  readonly #recordNames: Uint32Array;
  readonly #nextRecords: Uint32Array;
  readonly #provided: Uint32Array;
  readonly #essentials: Uint32Array;
  readonly #required: Uint32Array;
  readonly #nameBytes: Buffer;
  readonly #recordBytes: Buffer;
  readonly #decoded = new Map<number, PackageRecord>();

  /** `file` is one that {@link isCompactOf} accepts. */
  constructor(file: Buffer, origin: Origin) {
    const header = new Uint32Array(file.buffer, file.byteOffset, Header.size / 4);
    let at: number = Header.size;
    const take = (length: number | undefined): Uint32Array => {
      const table = new Uint32Array(file.buffer, file.byteOffset + at, length ?? 0);
      at += table.byteLength;
      return table;
    };
    const names = header[Header.names / 4] ?? 0;
    const records = header[Header.records / 4] ?? 0;
    this.#origin = origin;
    this.#nameStarts = take(names + 1);
    this.#firstRecords = take(names);
    this.#firstProvided = take(names);
    this.#nameSlots = take(header[Header.nameSlots / 4]);
    this.#recordStarts = take(records);
    this.#recordNames = take(records);
    this.#nextRecords = take(records);
    this.#provided = take(2 * (header[Header.provided / 4] ?? 0));
    this.#essentials = take(header[Header.essentials / 4]);
    this.#required = take(header[Header.required / 4]);
    const nameEnd = at + (header[Header.nameBytes / 4] ?? 0);
    this.#nameBytes = file.subarray(at, nameEnd);
    this.#recordBytes = file.subarray(nameEnd);
  }

  byName(name: string): PackageRecord[] {
    const found: PackageRecord[] = [];
    let record = (this.#firstRecords[this.#find(name)] ?? 0) - 1;
    for (; record >= 0; record = (this.#nextRecords[record] ?? 0) - 1) found.push(this.#record(record));
    return found;
  }

  providers(name: string): PackageRecord[] {
    const found: PackageRecord[] = [];
    let entry = (this.#firstProvided[this.#find(name)] ?? 0) - 1;
    for (; entry >= 0; entry = (this.#provided[2 * entry + 1] ?? 0) - 1) {
      const record = this.#record(this.#provided[2 * entry] ?? 0);
      // A package may provide several versions of one name.
      if (found.at(-1) !== record) found.push(record);
    }
    return found;
  }

  essentials(): PackageRecord[] {
    return Array.from(this.#essentials, (record) => this.#record(record));
  }

  required(): PackageRecord[] {
    return Array.from(this.#required, (record) => this.#record(record));
  }

  all(): PackageRecord[] {
    return Array.from(this.#recordStarts, (_, record) => this.#record(record));
  }

  /** The number of a name, -1 when it is not mentioned. */
  #find(name: string): number {
    const wanted = Buffer.from(name);
    const mask = this.#nameSlots.length - 1;
    for (let slot = hashBytes(wanted, 0, wanted.length) & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#nameSlots[slot] ?? 0) - 1;
      if (number < 0) return -1;
      const [start, end] = [this.#nameStarts[number] ?? 0, this.#nameStarts[number + 1] ?? 0];
      if (end - start === wanted.length && wanted.compare(this.#nameBytes, start, end) === 0) return number;
    }
  }

  #record(number: number): PackageRecord {
    const known = this.#decoded.get(number);
    if (known !== undefined) return known;
    const record = this.#decode(number);
    this.#decoded.set(number, record);
    return record;
  }

  #decode(number: number): PackageRecord {
    const start = this.#recordStarts[number] ?? 0;
    const nameNumber = this.#recordNames[number] ?? 0;
    const name = this.#nameBytes.toString(
      "utf8",
      this.#nameStarts[nameNumber],
      this.#nameStarts[nameNumber + 1],
    );
    const text = this.#texts(start + fixedRecordBytes);
    const flags = this.#recordBytes[start] ?? 0;
    const record: Mutable<PackageRecord> = {
      name,
      version: text.version,
      architecture: text.architecture,
      essential: (flags & Flag.essential) !== 0,
      priority: text.priority,
      depends: text.depends,
      preDepends: text.preDepends,
      conflicts: text.conflicts,
      breaks: text.breaks,
      provides: text.provides,
      sha256: this.#recordBytes.toString("hex", start + 1, start + fixedRecordBytes),
      size: Number(text.size),
      path: text.path,
      archive: this.#origin.archive,
      suite: this.#origin.suite,
      order: this.#origin.suitesBefore * namesPerSuite + nameNumber,
    };
    const multiArch = multiArchValues[(flags >> Flag.multiArchShift) & Flag.multiArchMask];
    if (multiArch !== undefined) record.multiArch = multiArch;
    if (text.section !== "") record.section = text.section;
    if (text.source !== "") record.source = text.source;
    if (text.description !== "") record.description = text.description;
    return record;
  }

  #texts(start: number): Record<TextField, string> {
    const bytes = this.#recordBytes;
    const texts = {} as Record<TextField, string>;
    let at = start;
    for (const field of textFieldNames) {
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++] ?? 0;
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      texts[field] = length === 0 ? "" : bytes.toString("utf8", at, at + length);
      at += length;
    }
    return texts;
  }
}
