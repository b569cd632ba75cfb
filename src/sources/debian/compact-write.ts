import { DevenvError } from "../../errors.ts";
import {
  Flag,
  fixedRecordBytes,
  formatVersion,
  Header,
  magic,
  multiArchValues,
  textFieldNames,
  textFields,
} from "./compact-format.ts";
import { NameTable } from "./name-table.ts";
import { readStanzas, type Stanza, type StanzaField, stanzaFields } from "./stanzas.ts";

/** What a Packages file is: its architecture, its verified digest, and a name for errors. */
interface Source {
  readonly architecture: string;
  readonly sha256: string;
  readonly name: string;
}

/**
 * Makes the compact form of a Packages file.
 *
 * @throws DevenvError `DEVENV_ARCHIVE_MALFORMED` for a stanza that describes no package.
 */
export function compactPackages(file: Buffer, source: Source): Buffer {
  const content = newContent(file.length);
  const isOurs = (qualifier: string) => qualifier === "native" || qualifier === source.architecture;
  readStanzas(file, source.name, (stanza) => {
    checkStanza(file, stanza, source);
    const record = addRecord(content, file, stanza);
    for (const field of relationFields) {
      const isProvides = field === at.Provides;
      forEachName(file, stanza[2 * field] ?? 0, stanza[2 * field + 1] ?? 0, isOurs, (start, end) => {
        const name = content.names.number(file, start, end);
        if (isProvides) addToList(content.provided, name, content.providers.push(record));
      });
    }
  });
  return assemble(content, source.sha256);
}

/** Lists by name: number of the first entry + 1, of the last + 1, and for each entry that of the next. */
interface Lists {
  readonly first: number[];
  readonly last: number[];
  readonly next: number[];
}

/** What the stanzas read so far came to. */
interface Content {
  readonly names: NameTable;
  readonly recordStarts: number[];
  readonly recordNames: number[];
  readonly records: Lists;
  /** The record of each entry of `provided`. */
  readonly providers: number[];
  readonly provided: Lists;
  readonly essentials: number[];
  readonly required: number[];
  bytes: Buffer;
  length: number;
}

function newContent(fileSize: number): Content {
  return {
    names: new NameTable(),
    recordStarts: [],
    recordNames: [],
    records: { first: [], last: [], next: [] },
    providers: [],
    provided: { first: [], last: [], next: [] },
    essentials: [],
    required: [],
    bytes: Buffer.allocUnsafe(4096 + Math.floor(fileSize / 2)),
    length: 0,
  };
}

/** The number of each field in a stanza. */
const at = Object.fromEntries(stanzaFields.map((name, index) => [name, index])) as Record<
  StanzaField,
  number
>;

/** The fields that mention other packages, in the order in which apt reads them. */
const relationFields = [
  at["Pre-Depends"],
  at.Depends,
  at.Conflicts,
  at.Breaks,
  at.Recommends,
  at.Suggests,
  at.Replaces,
  at.Enhances,
  at.Provides,
];

const textSources = textFieldNames.map((field) => at[textFields[field]]);

function addRecord(content: Content, file: Buffer, stanza: Stanza): number {
  const record = content.recordStarts.push(content.length) - 1;
  const name = content.names.number(file, stanza[2 * at.Package] ?? 0, stanza[2 * at.Package + 1] ?? 0);
  content.recordNames.push(name);
  addToList(content.records, name, record + 1);
  const isEssential = textOf(file, stanza, at.Essential) === "yes";
  if (isEssential) content.essentials.push(record);
  if (textOf(file, stanza, at.Priority) === "required") content.required.push(record);
  const multiArch = textOf(file, stanza, at["Multi-Arch"]);
  const multiArchNumber = Math.max(0, (multiArchValues as readonly unknown[]).indexOf(multiArch));

  const bytes = reserve(content, stanza);
  let position = content.length;
  bytes[position++] = (isEssential ? Flag.essential : 0) | (multiArchNumber << Flag.multiArchShift);
  position += bytes.write(textOf(file, stanza, at.SHA256), position, "hex");
  for (const field of textSources) {
    const length = lengthOf(stanza, field);
    let rest = length;
    for (; rest >= 0x80; rest >>>= 7) bytes[position++] = (rest & 0x7f) | 0x80;
    bytes[position++] = rest;
    const start = stanza[2 * field] ?? 0;
    copyBytes(file, start, length, bytes, position);
    position += length;
  }
  content.length = position;
  return record;
}

/** Most texts are short, and for those a loop takes a fraction of the time that a call of `copy` does. */
function copyBytes(from: Buffer, start: number, length: number, to: Buffer, position: number): void {
  if (length > 100) from.copy(to, position, start, start + length);
  else for (let index = 0; index < length; index++) to[position + index] = from[start + index] ?? 0;
}

/** Room for the longest possible record of this stanza, with five bytes for each length. */
function reserve(content: Content, stanza: Stanza): Buffer {
  const needed = textSources.reduce((sum, field) => sum + lengthOf(stanza, field) + 5, fixedRecordBytes);
  if (content.length + needed > content.bytes.length) {
    const larger = Buffer.allocUnsafe(2 * content.bytes.length + needed);
    content.bytes.copy(larger, 0, 0, content.length);
    content.bytes = larger;
  }
  return content.bytes;
}

/** `entry` is the number of a new last entry, plus one; entries come in order. */
function addToList(lists: Lists, name: number, entry: number): void {
  while (lists.last.length <= name) {
    lists.first.push(0);
    lists.last.push(0);
  }
  const last = lists.last[name] ?? 0;
  if (last === 0) lists.first[name] = entry;
  else lists.next[last - 1] = entry;
  lists.next.push(0);
  lists.last[name] = entry;
}

/**
 * The names in a relation field: `name`, `name (= version)`, `name:qualifier`, between `,` and `|`. Those of another
 * architecture or of any are not the name by itself, and are passed over.
 */
function forEachName(
  file: Buffer,
  start: number,
  end: number,
  isOurs: (qualifier: string) => boolean,
  onName: (start: number, end: number) => void,
): void {
  for (let position = start; position < end; position++) {
    while (position < end && isBlank(file[position])) position++;
    const nameStart = position;
    while (position < end && !(isEndOfWord(file[position]) || file[position] === colon)) position++;
    const nameEnd = position;
    if (nameEnd > nameStart) {
      if (file[position] !== colon || position >= end) onName(nameStart, nameEnd);
      else {
        while (position < end && !isEndOfWord(file[position])) position++;
        if (isOurs(file.toString("latin1", nameEnd + 1, position))) onName(nameStart, nameEnd);
      }
    }
    while (position < end && file[position] !== comma && file[position] !== bar) position++;
  }
}

const [comma, bar, colon] = [44, 124, 58];

function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 9 || byte === 13;
}

/** A blank or one of `,|([<`. */
function isEndOfWord(byte: number | undefined): boolean {
  return isBlank(byte) || byte === comma || byte === bar || byte === 40 || byte === 91 || byte === 60;
}

function assemble(content: Content, sha256: string): Buffer {
  const names = content.names.tables();
  const provided = new Uint32Array(2 * content.providers.length);
  content.providers.forEach((record, entry) => {
    provided[2 * entry] = record;
    provided[2 * entry + 1] = content.provided.next[entry] ?? 0;
  });
  const tables = [
    names.starts,
    numbers(content.records.first, content.names.count),
    numbers(content.provided.first, content.names.count),
    names.slots,
    numbers(content.recordStarts),
    numbers(content.recordNames),
    numbers(content.records.next),
    provided,
    numbers(content.essentials),
    numbers(content.required),
  ].map((table) => Buffer.from(table.buffer, table.byteOffset, table.byteLength));
  const parts: Uint8Array[] = [...tables, names.bytes, content.bytes.subarray(0, content.length)];
  const length = parts.reduce<number>((sum, part) => sum + part.length, Header.size);
  const header = new Uint32Array(Header.size / 4);
  header[Header.version / 4] = formatVersion;
  header[Header.length / 4] = length;
  header[Header.names / 4] = content.names.count;
  header[Header.nameSlots / 4] = names.slots.length;
  header[Header.records / 4] = content.recordStarts.length;
  header[Header.provided / 4] = content.providers.length;
  header[Header.essentials / 4] = content.essentials.length;
  header[Header.required / 4] = content.required.length;
  header[Header.nameBytes / 4] = names.bytes.length;
  const headerBytes = Buffer.from(header.buffer);
  magic.copy(headerBytes);
  headerBytes.write(sha256, Header.sha256, "hex");
  return Buffer.concat([headerBytes, ...parts], length);
}

/** The list may be shorter than `length`: 0 there. */
function numbers(list: readonly number[], length = list.length): Uint32Array {
  const table = new Uint32Array(length);
  for (let index = 0; index < length; index++) table[index] = list[index] ?? 0;
  return table;
}

/** The index is signed, and yet what it says becomes URLs, paths and lock entries. */
function checkStanza(file: Buffer, stanza: Stanza, source: Source): void {
  const architecture = textOf(file, stanza, at.Architecture);
  const sha256 = textOf(file, stanza, at.SHA256);
  const size = textOf(file, stanza, at.Size);
  const path = textOf(file, stanza, at.Filename);
  if (
    lengthOf(stanza, at.Package) > 0 &&
    lengthOf(stanza, at.Version) > 0 &&
    (architecture === source.architecture || architecture === "all") &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    /^\d{1,15}$/.test(size) &&
    path.startsWith("pool/") &&
    !/(^|\/)\.\.?(\/|$)|[^!-~]/.test(path)
  ) {
    return;
  }
  const name = `${textOf(file, stanza, at.Package)} ${textOf(file, stanza, at.Version)}`;
  throw new DevenvError(
    "DEVENV_ARCHIVE_MALFORMED",
    `${source.name}: the stanza of "${name}" has a field that makes no sense: ` +
      `Architecture "${architecture}", Size "${size}", SHA256 "${sha256}", Filename "${path}"`,
  );
}

function lengthOf(stanza: Stanza, field: number): number {
  return (stanza[2 * field + 1] ?? 0) - (stanza[2 * field] ?? 0);
}

function textOf(file: Buffer, stanza: Stanza, field: number): string {
  return file.toString("latin1", stanza[2 * field] ?? 0, stanza[2 * field + 1] ?? 0);
}
