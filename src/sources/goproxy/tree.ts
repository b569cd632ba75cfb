import { createHash } from "node:crypto";

/** A signed state of a log: how many records it has, and the hash of all (golang.org/x/mod/sumdb/tlog). */
export interface Tree {
  readonly size: number;
  readonly hash: Buffer;
}

/** Where hashes of a log stand: `tile/8/…` (go.dev/ref/mod, "Checksum database"). */
export interface Tile {
  readonly level: number;
  readonly index: number;
  /** Hashes in it, 256 in a full one. */
  readonly width: number;
}

const height = 8;
const widest = 2 ** height;

/** The text of a tree's note: three lines, and perhaps more that are to come. Undefined when it is none. */
export function parseTree(text: string): Tree | undefined {
  const [kind, size = "", base64 = ""] = text.split("\n");
  const hash = Buffer.from(base64, "base64");
  if (kind !== "go.sum database tree" || !/^[1-9]\d{0,11}$/.test(size)) return undefined;
  return hash.length === 32 ? { size: Number(size), hash } : undefined;
}

/** Reads a tile, which has 32 bytes for each of its hashes. */
export type ReadTile = (tile: Tile) => Promise<Buffer>;

/**
 * Whether the tree has exactly this record under this number: the hash of all is computed from the record and the
 * hashes beside its way to the top (RFC 6962 section 2.1).
 */
export async function holdsRecord(
  tree: Tree,
  number: number,
  record: Uint8Array,
  readTile: ReadTile,
): Promise<boolean> {
  if (number < 0 || number >= tree.size) return false;
  const leaf = createHash("sha256").update(Buffer.of(0)).update(record).digest();
  return (await rootThrough(leaf, 0, tree.size)).equals(tree.hash);

  async function rootThrough(hash: Buffer, from: number, to: number): Promise<Buffer> {
    if (to - from === 1) return hash;
    const middle = from + leftOf(to - from);
    return number < middle
      ? node(await rootThrough(hash, from, middle), await subtree(middle, to))
      : node(await subtree(from, middle), await rootThrough(hash, middle, to));
  }

  async function subtree(from: number, to: number): Promise<Buffer> {
    const count = to - from;
    const level = Math.log2(count);
    if (Number.isInteger(level)) return storedHash(level, from / count);
    const middle = from + leftOf(count);
    return node(await subtree(from, middle), await subtree(middle, to));
  }

  /** Of a whole subtree: a tile has only every eighth level, the others follow from that. */
  async function storedHash(level: number, index: number): Promise<Buffer> {
    const tileLevel = Math.floor(level / height);
    const count = 2 ** (level % height);
    const first = index * count;
    const tileIndex = Math.floor(first / widest);
    const hashesThere = Math.floor(tree.size / widest ** tileLevel);
    const width = Math.min(widest, hashesThere - tileIndex * widest);
    const bytes = await readTile({ level: tileLevel, index: tileIndex, width });
    let row = Array.from({ length: count }, (_, position) => {
      const at = (first - tileIndex * widest + position) * 32;
      return bytes.subarray(at, at + 32);
    });
    while (row.length > 1) {
      row = row.flatMap((one, position) =>
        position % 2 === 0 ? [node(one, row[position + 1] ?? Buffer.alloc(0))] : [],
      );
    }
    return row[0] ?? Buffer.alloc(0);
  }
}

/** `tile/8/0/x108/866`, for one that is not full with its width behind: `tile/8/2/101.p/17`. */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  const groups = digits.match(/\d{3}/g) ?? [];
  const path = groups
    .map((group, position) => (position < groups.length - 1 ? `x${group}` : group))
    .join("/");
  return `tile/${height}/${level}/${path}${width < widest ? `.p/${width}` : ""}`;
}

/** The largest power of two below a count. */
function leftOf(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

function node(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}
