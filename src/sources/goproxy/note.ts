import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

/** A key that signs notes (golang.org/x/mod/sumdb/note, "Verifying Notes"). */
export interface NoteKey {
  readonly name: string;
  /** The first four bytes of the hash of name and key. */
  readonly hash: Buffer;
  readonly key: KeyObject;
}

/** `name+hash+base64`, of which only Ed25519 keys are understood; undefined for anything else. */
export function parseNoteKey(text: string): NoteKey | undefined {
  const [, name = "", hash = "", base64 = ""] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length !== 33 || bytes[0] !== 1) return undefined;
  const own = createHash("sha256").update(`${name}\n`).update(bytes).digest().subarray(0, 4);
  if (own.toString("hex") !== hash) return undefined;
  const key = createPublicKey({
    format: "jwk",
    key: { kty: "OKP", crv: "Ed25519", x: bytes.subarray(1).toString("base64url") },
  });
  return { name, hash: own, key };
}

/** The text of a note that the key has signed; undefined when it has not. */
export function openNote(note: string, { name, hash, key }: NoteKey): string | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) return undefined;
  const text = note.slice(0, end + 1);
  for (const line of note.slice(end + 2).split("\n")) {
    const [, signer, base64 = ""] = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    const bytes = Buffer.from(base64, "base64");
    if (signer !== name || bytes.length !== 68 || !bytes.subarray(0, 4).equals(hash)) continue;
    if (verify(null, Buffer.from(text), key, bytes.subarray(4))) return text;
  }
  return undefined;
}
