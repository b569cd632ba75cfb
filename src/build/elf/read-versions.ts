import { type Bytes, Malformed } from "./bytes.ts";

/** The versions of symbols that a file needs of one library. */
export interface VersionsNeeded {
  readonly library: string;
  readonly versions: readonly string[];
  /** Those without which it runs as well (`VER_FLG_WEAK`). */
  readonly weak?: readonly string[];
}

/** Where a chain of records begins and how many it has. */
interface Chain {
  readonly offset: number;
  readonly count: number;
}

/** Versions that are read of one file; those with the most have some hundred. */
const mostVersions = 1 << 14;

const flag = { base: 1, weak: 2 } as const;

/** Reads the records that `DT_VERNEED` leads to (LSB Core, "Version Requirements"). */
export function readVersionsNeeded(
  bytes: Bytes,
  chain: Chain,
  text: (offset: number) => string,
): VersionsNeeded[] {
  const budget = { left: mostVersions };
  return walk(bytes, chain, { next: 12, budget }).map((record) => {
    const versions: string[] = [];
    const weak: string[] = [];
    const first = record + bytes.u32(record + 8);
    for (const at of walk(bytes, { offset: first, count: bytes.u16(record + 2) }, { next: 12, budget }))
      ((bytes.u16(at + 4) & flag.weak) === 0 ? versions : weak).push(text(bytes.u32(at + 8)));
    const library = text(bytes.u32(record + 4));
    return weak.length === 0 ? { library, versions } : { library, versions, weak };
  });
}

/** Reads the records that `DT_VERDEF` leads to (LSB Core, "Version Definitions"), without the file's own name. */
export function readVersionsDefined(bytes: Bytes, chain: Chain, text: (offset: number) => string): string[] {
  return walk(bytes, chain, { next: 16, budget: { left: mostVersions } })
    .filter((record) => (bytes.u16(record + 2) & flag.base) === 0)
    .map((record) => text(bytes.u32(record + bytes.u32(record + 12))));
}

/** The offsets of the records of a chain, each of which has the way to the next one in its field at `next`. */
function walk(
  bytes: Bytes,
  { offset, count }: Chain,
  { next, budget }: { readonly next: number; readonly budget: { left: number } },
): number[] {
  const records: number[] = [];
  for (let at = offset; records.length < count; ) {
    budget.left -= 1;
    if (budget.left < 0) throw new Malformed("it has too many versions");
    records.push(at);
    const step = bytes.u32(at + next);
    if (step === 0) break;
    at += step;
  }
  return records;
}
