import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ElfReading, readElf } from "../../../src/build/elf/read-elf.ts";
import { elfOf } from "./elf-bytes.ts";

const read = (bytes: Buffer): ElfReading =>
  readElf((offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)), bytes.length);

/** A file of this host, and how many bytes of it were read. */
function readHost(file: string): { reading: ElfReading; bytesRead: number } {
  const fd = openSync(file, "r");
  let bytesRead = 0;
  const reading = readElf((offset, length) => {
    const buffer = Buffer.alloc(length);
    bytesRead += length;
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  }, fstatSync(fd).size);
  closeSync(fd);
  return { reading, bytesRead };
}

const multiarch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
const libraryDirectory = join("/usr/lib", multiarch);

function hostFiles(): string[] {
  const inDirectory = (directory: string, pattern: RegExp, count: number): string[] =>
    readdirSync(directory)
      .filter((name) => pattern.test(name))
      .map((name) => join(directory, name))
      .filter((file) => lstatSync(file).isFile())
      .slice(0, count);
  return [
    join(libraryDirectory, "libc.so.6"),
    ...inDirectory(libraryDirectory, /\.so\.[\d.]+$/, 60),
    ...inDirectory("/usr/bin", /./, 60),
    process.execPath,
  ];
}

/** The same by readelf(1), in its words. */
function oracle(file: string): Record<string, unknown> {
  const text = execFileSync("readelf", ["-dlVW", file], { encoding: "utf8", maxBuffer: 64 << 20 });
  const values = (name: string): string[] =>
    [...text.matchAll(new RegExp(`\\(${name}\\).*\\[(.*)\\]`, "g"))].map((match) => match[1] ?? "");
  const section = (name: string): string =>
    new RegExp(`Version ${name} section[^]*?(?=\\n\\n|$)`).exec(text)?.[0] ?? "";
  return {
    interpreter: /interpreter: (.*)\]/.exec(text)?.[1],
    soname: values("SONAME")[0],
    needed: values("NEEDED"),
    rpath: values("RPATH")[0],
    runpath: values("RUNPATH")[0],
    versionsNeeded: [...section("needs").matchAll(/File: (\S+)|Name: (\S+) {2}Flags: (\w+)/g)].map(
      ([, library, version, flags]) => library ?? `${version} ${flags === "WEAK" ? "weak" : ""}`.trim(),
    ),
    versionsDefined: [...section("definition").matchAll(/Rev: 1 +Flags: (\w+) .*Name: (\S+)/g)].flatMap(
      ([, flags, version]) => (flags === "BASE" ? [] : [version]),
    ),
  };
}

function inOracleWords(reading: ElfReading): Record<string, unknown> {
  if (!("facts" in reading)) return reading;
  const {
    interpreter,
    soname,
    needed = [],
    rpath,
    runpath,
    versionsDefined = [],
    versionsNeeded = [],
  } = reading.facts;
  return {
    interpreter,
    soname,
    needed,
    rpath,
    runpath,
    versionsDefined,
    versionsNeeded: versionsNeeded.flatMap(({ library, versions, weak = [] }) => [
      library,
      ...versions,
      ...weak.map((version) => `${version} weak`),
    ]),
  };
}

const isElf = (file: string): boolean => {
  const fd = openSync(file, "r");
  const magic = Buffer.alloc(4);
  readSync(fd, magic, 0, 4, 0);
  closeSync(fd);
  return magic.toString("latin1") === "\u007fELF";
};

describe("reading ELF files", () => {
  const files = hostFiles().filter(isElf);

  test("says what readelf says of programs and libraries of this host", () => {
    expect(files.length).toBeGreaterThan(60);
    const sorted = (value: Record<string, unknown>) => ({
      ...value,
      versionsNeeded: [...(value["versionsNeeded"] as string[])].sort(),
    });
    for (const file of files)
      expect(sorted(inOracleWords(readHost(file).reading)), file).toEqual(sorted(oracle(file)));
  });

  test("reads a few pages of a large file", () => {
    const { bytesRead } = readHost(process.execPath);
    expect(bytesRead).toBeLessThan(1 << 20);
  });

  test("reads what a file for the other architecture says", () => {
    const sketch = {
      machine: 183,
      interpreter: "/lib/ld-linux-aarch64.so.1",
      soname: "libmade.so.1",
      needed: ["libc.so.6", "libm.so.6"],
      rpath: "/opt/lib",
      runpath: "$ORIGIN/../lib",
      versionsDefined: ["MADE_1", "MADE_2"],
    };
    const versionsNeeded = {
      "libc.so.6": ["GLIBC_2.17", { weak: "GLIBC_2.38" }],
      "libm.so.6": ["GLIBC_2.29"],
    };
    expect(read(elfOf({ ...sketch, versionsNeeded }))).toEqual({
      facts: {
        ...sketch,
        bits: 64,
        littleEndian: true,
        type: 3,
        versionsNeeded: [
          { library: "libc.so.6", versions: ["GLIBC_2.17"], weak: ["GLIBC_2.38"] },
          { library: "libm.so.6", versions: ["GLIBC_2.29"] },
        ],
      },
    });
  });

  test("reads numbers and strings that lie on two pages", () => {
    for (let length = 3500; length < 4090; length += 13) {
      const soname = "x".repeat(length);
      const needed = ["liba.so.1", "libb.so.2"];
      const reading = read(elfOf({ soname, needed, versionsDefined: ["MADE_1"] }));
      expect(reading).toMatchObject({ facts: { soname, needed, versionsDefined: ["MADE_1"] } });
    }
  });

  test("only recognises what is of 32 bits or big-endian", () => {
    const narrow = elfOf({ machine: 3 });
    narrow[4] = 1;
    expect(read(narrow)).toEqual({ facts: { bits: 32, littleEndian: true, type: 3, machine: 3 } });
    const big = Buffer.alloc(64);
    big.write("\u007fELF\u0002\u0002\u0001", "latin1");
    big.writeUInt16BE(2, 16);
    big.writeUInt16BE(22, 18);
    expect(read(big)).toEqual({ facts: { bits: 64, littleEndian: false, type: 2, machine: 22 } });
  });
});

describe("what is no ELF file", () => {
  const good = elfOf({
    interpreter: "/lib64/ld-linux-x86-64.so.2",
    needed: ["libc.so.6"],
    versionsNeeded: { "libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"] },
    versionsDefined: ["MADE_1"],
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a text", Buffer.from("/* GNU ld script */ INPUT(libc.so.6)")],
    ["an unknown class", changed(4, 7)],
    ["an unknown byte order", changed(5, 3)],
    ["program headers of another size", changed(54, 40)],
    ["program headers without end", changed(57, 0xff)],
    ["program headers beyond the end", changed(36, 0x7f)],
  ])("is %s", (_, bytes) => {
    expect(read(bytes)).toEqual({ reason: expect.any(String) });
  });

  test("is one that ends early, wherever it ends", () => {
    for (let length = 0; length < good.length - 16; length++)
      expect(read(good.subarray(0, length)), String(length)).toHaveProperty("reason");
  });

  test("is one that needs versions without end", () => {
    expect(read(withManyVersions(good))).toEqual({ reason: "it has too many versions" });
  });

  test("is one whose strings would fill the memory", () => {
    const long = "x".repeat(4000);
    const many = elfOf({ needed: [long] });
    const entry = Buffer.from(many.subarray(many.length - 64, many.length - 48));
    const dynamic = many.length - 64;
    const grown = Buffer.concat([
      many.subarray(0, dynamic),
      ...Array(5000).fill(entry),
      many.subarray(dynamic),
    ]);
    grown.writeBigUInt64LE(BigInt(grown.length - dynamic), 64 + 56 + 32);
    grown.writeBigUInt64LE(BigInt(grown.length), 64 + 32);
    expect(read(grown)).toEqual({ reason: "its strings are too long" });
  });

  test("whatever is changed in real files: it is reported, from a bounded number of bytes", () => {
    const random = generator(20_240_317);
    const originals = [good, readWhole("/usr/bin/true"), readWhole(join(libraryDirectory, "libz.so.1"))];
    let refused = 0;
    for (let round = 0; round < 6000; round++) {
      const bytes = Buffer.from(originals[round % originals.length] ?? good);
      const head = random() < 0.7 ? Math.min(bytes.length, 0x1000) : bytes.length;
      for (let count = 1 + Math.floor(random() * 24); count > 0; count--)
        bytes[Math.floor(random() * head)] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
      const cut = random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
      let asked = 0;
      const reading = readElf((offset, length) => {
        asked += length;
        if (offset < 0 || length < 0 || offset + length > cut.length) throw new Error("outside of the file");
        return cut.subarray(offset, offset + length);
      }, cut.length);
      expect(asked).toBeLessThanOrEqual(4 << 20);
      expect(JSON.stringify(reading).length).toBeLessThan(8 << 20);
      if ("reason" in reading) refused += 1;
    }
    expect(refused).toBeGreaterThan(500);
    expect(refused).toBeLessThan(6000);
  });

  function changed(offset: number, value: number): Buffer {
    const bytes = Buffer.from(good);
    bytes[offset] = value;
    return bytes;
  }
});

/** The first library's versions are in a chain, appended to the file, that is longer than any linker makes. */
function withManyVersions(good: Buffer): Buffer {
  const bytes = Buffer.from(good);
  const record = bytes.indexOf(Buffer.from([1, 0, 2, 0]), 64 + 3 * 56);
  bytes.writeUInt16LE(0xffff, record + 2);
  bytes.writeUInt32LE(bytes.length - record, record + 8);
  const chain = Buffer.alloc(16 * 20_000);
  for (let at = 0; at < chain.length; at += 16) chain.writeUInt32LE(16, at + 12);
  return Buffer.concat([bytes, chain]);
}

function readWhole(file: string): Buffer {
  const fd = openSync(file, "r");
  const bytes = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  return bytes;
}

/** mulberry32: the same numbers every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
