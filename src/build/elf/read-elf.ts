import { Bytes, Malformed, type ReadAt } from "./bytes.ts";
import { readVersionsDefined, readVersionsNeeded, type VersionsNeeded } from "./read-versions.ts";

/** What an ELF file says about itself and what it needs, as far as loading it depends on it. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** `e_type`: 1 an object file, 2 a program at a fixed place, 3 a library or a program at any place, 4 a core. */
  readonly type: number;
  readonly interpreter?: string;
  readonly soname?: string;
  /** Absent, as all that follows, when there is none or the file is not of 64 bits, little-endian. */
  readonly needed?: readonly string[];
  readonly rpath?: string;
  readonly runpath?: string;
  readonly versionsNeeded?: readonly VersionsNeeded[];
  readonly versionsDefined?: readonly string[];
}

/** The facts of a file, or why it is not a readable ELF file. */
export type ElfReading = { readonly facts: ElfFacts } | { readonly reason: string };

/**
 * Reads an ELF file (System V ABI, chapters 4 and 5; symbol versions: LSB Core, "Symbol Versioning"). The bytes may be
 * anything: what makes no sense is reported, never thrown, and of a file of any size only a few pages are read.
 *
 * @param size of the file in bytes.
 * @throws what `readAt` throws.
 */
export function readElf(readAt: ReadAt, size: number): ElfReading {
  try {
    return { facts: readFacts(new Bytes(readAt, size)) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { reason: error.message };
  }
}

function readFacts(bytes: Bytes): ElfFacts {
  if (bytes.u8(0) !== 0x7f || bytes.u8(1) !== 0x45 || bytes.u8(2) !== 0x4c || bytes.u8(3) !== 0x46)
    throw new Malformed("it does not begin as an ELF file");
  const elfClass = bytes.u8(4);
  const order = bytes.u8(5);
  if (elfClass !== 1 && elfClass !== 2) throw new Malformed(`it is of the unknown class ${elfClass}`);
  if (order !== 1 && order !== 2) throw new Malformed(`it has the unknown byte order ${order}`);
  const littleEndian = order === 1;
  const facts = {
    bits: elfClass === 2 ? 64 : 32,
    littleEndian,
    type: bytes.u16(16, littleEndian),
    machine: bytes.u16(18, littleEndian),
  } as const;
  if (facts.bits === 32 || !littleEndian) return facts;
  const segments = readSegments(bytes);
  return { ...facts, ...readInterpreter(bytes, segments), ...readDynamic(bytes, segments) };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  /** Bytes of it in the file. */
  readonly size: number;
}

const segmentKind = { load: 1, dynamic: 2, interpreter: 3 } as const;

/** Sizes of the structures in a file of 64 bits. */
const headerSize = { segment: 56, dynamic: 16 } as const;

const mostSegments = 1024;

function readSegments(bytes: Bytes): Segment[] {
  const start = bytes.u64(32);
  const entrySize = bytes.u16(54);
  const count = bytes.u16(56);
  if (count === 0) return [];
  if (entrySize !== headerSize.segment) throw new Malformed(`its program headers have ${entrySize} bytes`);
  if (count > mostSegments) throw new Malformed(`it has ${count} program headers`);
  return Array.from({ length: count }, (_, index) => start + index * entrySize)
    .map((at) => ({ at, type: bytes.u32(at) }))
    .filter(({ type }) => Object.values<number>(segmentKind).includes(type))
    .map(({ at, type }) => ({
      type,
      offset: bytes.u64(at + 8),
      address: bytes.u64(at + 16),
      size: bytes.u64(at + 32),
    }));
}

function readInterpreter(bytes: Bytes, segments: readonly Segment[]): Pick<ElfFacts, "interpreter"> {
  const segment = segments.find(({ type }) => type === segmentKind.interpreter);
  return segment === undefined
    ? {}
    : { interpreter: bytes.text(segment.offset, segment.offset + segment.size) };
}

const tag = {
  end: 0,
  needed: 1,
  strings: 5,
  stringsSize: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  versionsDefined: 0x6ffffffc,
  versionsDefinedCount: 0x6ffffffd,
  versionsNeeded: 0x6ffffffe,
  versionsNeededCount: 0x6fffffff,
} as const;

const knownTags = new Set<number>(Object.values(tag));

/** Entries of the dynamic section that are read; real ones have some thirty, and one more for each library. */
const mostEntries = 1 << 14;

type Dynamic = Pick<
  ElfFacts,
  "soname" | "needed" | "rpath" | "runpath" | "versionsNeeded" | "versionsDefined"
>;

function readDynamic(bytes: Bytes, segments: readonly Segment[]): Dynamic {
  const segment = segments.find(({ type }) => type === segmentKind.dynamic);
  if (segment === undefined) return {};
  const entries = readEntries(bytes, segment);
  const valueAt = (wanted: number): number | undefined => entries.find(([kind]) => kind === wanted)?.[1];
  const table = valueAt(tag.strings);
  if (table === undefined) return {};
  const strings = offsetOf(segments, table);
  const end = strings + (valueAt(tag.stringsSize) ?? 0);
  const text = (offset: number): string => bytes.text(strings + offset, end);
  const optional = <Name extends string>(name: Name, wanted: number): { [Key in Name]?: string } => {
    const value = valueAt(wanted);
    return value === undefined ? {} : ({ [name]: text(value) } as { [Key in Name]: string });
  };
  const needed = entries.filter(([kind]) => kind === tag.needed).map(([, offset]) => text(offset));
  const chain = (start: number, count: number): { offset: number; count: number } | undefined => {
    const address = valueAt(start);
    return address === undefined
      ? undefined
      : { offset: offsetOf(segments, address), count: valueAt(count) ?? 0 };
  };
  const needs = chain(tag.versionsNeeded, tag.versionsNeededCount);
  const defines = chain(tag.versionsDefined, tag.versionsDefinedCount);
  return {
    ...optional("soname", tag.soname),
    ...optional("rpath", tag.rpath),
    ...optional("runpath", tag.runpath),
    ...(needed.length === 0 ? {} : { needed }),
    ...(needs === undefined ? {} : { versionsNeeded: readVersionsNeeded(bytes, needs, text) }),
    ...(defines === undefined ? {} : { versionsDefined: readVersionsDefined(bytes, defines, text) }),
  };
}

function readEntries(bytes: Bytes, segment: Segment): [kind: number, value: number][] {
  const entries: [number, number][] = [];
  for (let index = 0; (index + 1) * headerSize.dynamic <= segment.size; index++) {
    if (index >= mostEntries) throw new Malformed("its dynamic section is too long");
    const at = segment.offset + index * headerSize.dynamic;
    // The upper half says that the tag is none of these: they are all below 2^32.
    const kind = bytes.u32(at + 4) === 0 ? bytes.u32(at) : -1;
    if (kind === tag.end) break;
    if (knownTags.has(kind)) entries.push([kind, bytes.u64(at + 8)]);
  }
  return entries;
}

/** Where in the file lies what will be at an address once it is loaded. */
function offsetOf(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (one) => one.type === segmentKind.load && address >= one.address && address - one.address < one.size,
  );
  if (segment === undefined) throw new Malformed(`no segment holds the address ${address}`);
  return segment.offset + (address - segment.address);
}
