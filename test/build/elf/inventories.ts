import type { InventoryEntry, LayerInventory } from "../../../src/build/elf/inventory.ts";
import type { ElfFacts } from "../../../src/build/elf/read-elf.ts";

/** A layer as data, its directories added where they are not given. */
export function layerOf(...entries: readonly InventoryEntry[]): LayerInventory {
  const all = new Map<string, InventoryEntry>();
  for (const entry of entries) {
    const names = entry.path.split("/").slice(0, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const path = names.slice(0, depth).join("/");
      if (!all.has(path)) all.set(path, { kind: "directory", path });
    }
    all.set(entry.path, entry);
  }
  return { format: 1, entries: [...all.values()] };
}

export const directory = (path: string): InventoryEntry => ({ kind: "directory", path });
export const opaque = (path: string): InventoryEntry => ({ kind: "opaque", path });
export const whiteout = (path: string): InventoryEntry => ({ kind: "whiteout", path });
export const other = (path: string): InventoryEntry => ({ kind: "other", path });
export const link = (path: string, target: string): InventoryEntry => ({ kind: "link", path, target });

/** A library for x86-64 with its file's name as soname. */
export function library(path: string, facts: Partial<ElfFacts> = {}): InventoryEntry {
  const soname = path.slice(path.lastIndexOf("/") + 1);
  return {
    kind: "elf",
    path,
    facts: { bits: 64, littleEndian: true, machine: 62, type: 3, soname, ...facts },
  };
}

/** A program for x86-64 and glibc. */
export function program(path: string, facts: Partial<ElfFacts> = {}): InventoryEntry {
  const interpreter = "/lib64/ld-linux-x86-64.so.2";
  return {
    kind: "elf",
    path,
    facts: { bits: 64, littleEndian: true, machine: 62, type: 3, interpreter, ...facts },
  };
}

export const triplet = "x86_64-linux-gnu";

/** A base as Debian's: /lib is a link, the loader is reached through two. */
export const debian = layerOf(
  link("bin", "usr/bin"),
  link("lib", "usr/lib"),
  link("lib64", "usr/lib64"),
  library(`usr/lib/${triplet}/ld-linux-x86-64.so.2`, { versionsDefined: ["GLIBC_2.3"] }),
  link("usr/lib64/ld-linux-x86-64.so.2", `/lib/${triplet}/ld-linux-x86-64.so.2`),
  library(`usr/lib/${triplet}/libc.so.6`, { versionsDefined: ["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.31"] }),
  library(`usr/lib/${triplet}/libz.so.1.2.13`, { soname: "libz.so.1", versionsDefined: ["ZLIB_1.2.9"] }),
  link(`usr/lib/${triplet}/libz.so.1`, "libz.so.1.2.13"),
);

/** A base as Alpine's. */
export const alpine = layerOf(
  library("lib/ld-musl-x86_64.so.1", { soname: "libc.musl-x86_64.so.1" }),
  link("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1"),
  library("usr/lib/libssl.so.3", { needed: ["libc.musl-x86_64.so.1"] }),
);
