/** What {@link elfOf} puts into a file. */
export interface ElfSketch {
  readonly machine?: number;
  readonly type?: number;
  readonly interpreter?: string;
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly rpath?: string;
  readonly runpath?: string;
  readonly versionsNeeded?: Readonly<Record<string, readonly (string | { readonly weak: string })[]>>;
  readonly versionsDefined?: readonly string[];
}

const base = 0x400000;

/** A small ELF file of 64 bits that says this of itself; offsets and addresses differ by a constant. */
export function elfOf(sketch: ElfSketch): Buffer {
  const strings = new Strings();
  const dynamic: [number, number][] = [];
  for (const name of sketch.needed ?? []) dynamic.push([1, strings.add(name)]);
  if (sketch.soname !== undefined) dynamic.push([14, strings.add(sketch.soname)]);
  if (sketch.rpath !== undefined) dynamic.push([15, strings.add(sketch.rpath)]);
  if (sketch.runpath !== undefined) dynamic.push([29, strings.add(sketch.runpath)]);
  const needs = versionNeeds(sketch, strings);
  const defines = versionDefinitions(sketch, strings);
  const interpreter = Buffer.from(sketch.interpreter === undefined ? "" : `${sketch.interpreter}\0`);
  const headers = 64 + 3 * 56;
  const at = { strings: headers, needs: 0, defines: 0, interpreter: 0, dynamic: 0 };
  at.needs = at.strings + strings.bytes.length;
  at.defines = at.needs + needs.length;
  at.interpreter = at.defines + defines.length;
  at.dynamic = at.interpreter + interpreter.length;
  dynamic.push([5, base + at.strings], [10, strings.bytes.length]);
  if (needs.length > 0)
    dynamic.push(
      [0x6ffffffe, base + at.needs],
      [0x6fffffff, Object.keys(sketch.versionsNeeded ?? {}).length],
    );
  if (defines.length > 0)
    dynamic.push([0x6ffffffc, base + at.defines], [0x6ffffffd, (sketch.versionsDefined?.length ?? 0) + 1]);
  dynamic.push([0, 0]);
  const table = Buffer.concat(dynamic.map(([tag, value]) => words64(tag, value)));
  const size = at.dynamic + table.length;
  const segments = [
    segment(1, 0, size),
    segment(2, at.dynamic, table.length),
    interpreter.length === 0 ? segment(0, 0, 0) : segment(3, at.interpreter, interpreter.length),
  ];
  return Buffer.concat([header(sketch), ...segments, strings.bytes, needs, defines, interpreter, table]);
}

class Strings {
  bytes: Buffer = Buffer.from("\0");
  add(text: string): number {
    const offset = this.bytes.length;
    this.bytes = Buffer.concat([this.bytes, Buffer.from(`${text}\0`)]);
    return offset;
  }
}

function header({ machine = 62, type = 3 }: ElfSketch): Buffer {
  const header = Buffer.alloc(64);
  header.write("\u007fELF\u0002\u0001\u0001", 0, "latin1");
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(3, 56);
  return header;
}

function segment(type: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(56);
  bytes.writeUInt32LE(type, 0);
  bytes.writeBigUInt64LE(BigInt(offset), 8);
  bytes.writeBigUInt64LE(BigInt(base + offset), 16);
  bytes.writeBigUInt64LE(BigInt(size), 32);
  return bytes;
}

function versionNeeds({ versionsNeeded = {} }: ElfSketch, strings: Strings): Buffer {
  const libraries = Object.entries(versionsNeeded);
  return Buffer.concat(
    libraries.map(([library, versions], index) => {
      const record = Buffer.alloc(16);
      record.writeUInt16LE(1, 0);
      record.writeUInt16LE(versions.length, 2);
      record.writeUInt32LE(strings.add(library), 4);
      record.writeUInt32LE(16, 8);
      record.writeUInt32LE(index === libraries.length - 1 ? 0 : 16 + versions.length * 16, 12);
      const items = versions.map((version, number) => {
        const item = Buffer.alloc(16);
        item.writeUInt16LE(typeof version === "string" ? 0 : 2, 4);
        item.writeUInt32LE(strings.add(typeof version === "string" ? version : version.weak), 8);
        item.writeUInt32LE(number === versions.length - 1 ? 0 : 16, 12);
        return item;
      });
      return Buffer.concat([record, ...items]);
    }),
  );
}

function versionDefinitions({ versionsDefined }: ElfSketch, strings: Strings): Buffer {
  if (versionsDefined === undefined) return Buffer.alloc(0);
  const all = ["the file itself", ...versionsDefined];
  return Buffer.concat(
    all.map((version, index) => {
      const record = Buffer.alloc(28);
      record.writeUInt16LE(1, 0);
      record.writeUInt16LE(index === 0 ? 1 : 0, 2);
      record.writeUInt16LE(1, 6);
      record.writeUInt32LE(20, 12);
      record.writeUInt32LE(index === all.length - 1 ? 0 : 28, 16);
      record.writeUInt32LE(strings.add(version), 20);
      return record;
    }),
  );
}

function words64(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8);
  return bytes;
}
