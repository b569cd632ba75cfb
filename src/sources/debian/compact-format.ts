/**
 * The compact form of a Packages file: what resolving needs of it, to be read in one go and looked into without
 * decoding the rest. All numbers are 32-bit, in this machine's byte order: the file never leaves it. In the order of
 * the file:
 *
 * - the header, see {@link Header};
 * - names are those of packages and those that relation fields mention, in the order of their first mention. For each
 *   name: `nameStarts`, where it starts in the bytes of the names (one more for the end of the last); `firstRecords`,
 *   its first record; `firstProvided`, its first entry in `provided`;
 * - `nameSlots`: an open hash table, name → its number;
 * - for each record: `recordStarts`, where it starts in the bytes of the records; `recordNames`, the number of its
 *   name; `nextRecords`, the next record of the same name;
 * - `provided`: for each name that a package provides the record and the next entry of the same name;
 * - `essentials` and `required`: records;
 * - the bytes of the names;
 * - the bytes of the records: a byte of flags, the SHA-256, then the values of {@link textFields}, each with its length
 *   before it, seven bits a byte, the lowest first.
 *
 * A number that may be absent is one more than what it counts, and 0 when absent.
 */
export const magic = Buffer.from("DEVENVIX");

/** To be raised whenever the form or what is kept changes. */
export const formatVersion = 1;

/** Offsets in the header, in bytes. Most are numbers of entries. */
export const Header = {
  version: 8,
  length: 12,
  sha256: 16,
  names: 48,
  nameSlots: 52,
  records: 56,
  provided: 60,
  essentials: 64,
  required: 68,
  nameBytes: 72,
  size: 76,
} as const;

/** The texts of a record, and the fields of a stanza they come from. */
export const textFields = {
  version: "Version",
  architecture: "Architecture",
  priority: "Priority",
  section: "Section",
  depends: "Depends",
  preDepends: "Pre-Depends",
  conflicts: "Conflicts",
  breaks: "Breaks",
  provides: "Provides",
  source: "Source",
  description: "Description",
  size: "Size",
  path: "Filename",
} as const;
export type TextField = keyof typeof textFields;
export const textFieldNames = Object.keys(textFields) as TextField[];

/** Bits of the flags. */
export const Flag = { essential: 1, multiArchShift: 1, multiArchMask: 3 } as const;

/** By number in the flags. */
export const multiArchValues = [undefined, "foreign", "same", "allowed"] as const;

/** The flags and the SHA-256, which stand before the texts of a record. */
export const fixedRecordBytes = 33;

/** FNV-1a of a part of `bytes`. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}
