import { createHash, generateKeyPairSync, sign } from "node:crypto";

/** A checksum database of one's own. */
export interface FakeDatabase {
  /** For GOSUMDB, without the URL. */
  readonly key: string;
  /** Of the signed tree, with whatever text is given. */
  note(text?: string): string;
  /** What `/lookup/…` answers for a record. */
  lookup(number: number, record?: string): string;
  /** What is at `tile/8/…`; undefined for what is not there. */
  tile(path: string): Buffer | undefined;
}

/** With these records, each of which ends in a newline; the tree is signed in the name of `signer`. */
export function fakeDatabase(records: readonly string[], name = "sum.example"): FakeDatabase {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const encoded = Buffer.concat([Buffer.of(1), raw]);
  const hash = createHash("sha256").update(`${name}\n`).update(encoded).digest().subarray(0, 4);
  const levels = [records.map((record) => sha256(Buffer.of(0), Buffer.from(record)))];
  for (let row = levels[0] ?? []; row.length > 1; row = levels.at(-1) ?? []) {
    const pairs: Buffer[] = [];
    for (let at = 0; at + 1 < row.length; at += 2) {
      pairs.push(sha256(Buffer.of(1), row[at] ?? Buffer.of(), row[at + 1] ?? Buffer.of()));
    }
    levels.push(pairs);
  }
  const tree = `go.sum database tree\n${records.length}\n${rootOf(levels[0] ?? []).toString("base64")}\n`;
  const note = (text = tree) => {
    const signature = Buffer.concat([hash, sign(null, Buffer.from(text), privateKey)]);
    return `${text}\n— ${name} ${signature.toString("base64")}\n`;
  };
  return {
    key: `${name}+${hash.toString("hex")}+${encoded.toString("base64")}`,
    note,
    lookup: (number, record = records[number] ?? "") => `${number}\n${record}\n${note()}`,
    tile: (path) => {
      const match = /^tile\/8\/(\d)\/([x\d/]+?)(?:\.p\/(\d+))?$/.exec(path);
      if (match === null) return undefined;
      const [, level, index = "", width] = match;
      const from = Number(index.replace(/[x/]/g, "")) * 256;
      const row = levels[Number(level) * 8]?.slice(from, from + Number(width ?? 256)) ?? [];
      return row.length < Number(width ?? 256) ? undefined : Buffer.concat(row);
    },
  };
}

/** RFC 6962 section 2.1. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] ?? Buffer.of();
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, left)), rootOf(leaves.slice(left)));
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
