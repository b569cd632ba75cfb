import { DevenvError } from "../../errors.ts";

/**
 * The fields of a Packages file, and of dpkg's own list, that are of interest, in the order {@link Stanza} has them.
 */
export const stanzaFields = [
  "Package",
  "Version",
  "Architecture",
  "Multi-Arch",
  "Essential",
  "Priority",
  "Section",
  "Pre-Depends",
  "Depends",
  "Conflicts",
  "Breaks",
  "Recommends",
  "Suggests",
  "Replaces",
  "Enhances",
  "Provides",
  "Source",
  "Description",
  "SHA256",
  "Size",
  "Filename",
  "Status",
] as const;
export type StanzaField = (typeof stanzaFields)[number];

/**
 * One stanza: for each field where its value starts and ends in the file, both 0 when the field is absent. The
 * array is the same one for each stanza.
 */
export type Stanza = Int32Array;

const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const tab = 9;
const colon = 58;

/**
 * Walks over the stanzas of a Packages file (deb822(5)) without making a string of it: the file is tens of megabytes
 * long, and most of it is not needed.
 *
 * @param name names the file in errors.
 * @throws DevenvError `DEVENV_ARCHIVE_MALFORMED` for a line that is no field, no folded line and not empty.
 */
export function readStanzas(file: Buffer, name: string, onStanza: (stanza: Stanza) => void): void {
  const stanza = new Int32Array(stanzaFields.length * 2);
  let isEmpty = true;
  let field = -1;
  for (let position = 0; position < file.length; ) {
    const lineStart = position;
    let lineEnd = file.indexOf(lineFeed, position);
    if (lineEnd < 0) lineEnd = file.length;
    position = lineEnd + 1;
    while (lineEnd > lineStart && isBlank(file[lineEnd - 1])) lineEnd--;
    if (lineEnd === lineStart) {
      if (!isEmpty) onStanza(stanza);
      stanza.fill(0);
      isEmpty = true;
      field = -1;
      continue;
    }
    if (isBlank(file[lineStart])) {
      // The rest of a description is not kept, only its first line is.
      if (field >= 0 && field !== descriptionField) stanza[2 * field + 1] = lineEnd;
      continue;
    }
    let keyEnd = lineStart;
    let hash = 0;
    while (keyEnd < lineEnd && file[keyEnd] !== colon) hash = hashStep(hash, file[keyEnd++]);
    if (keyEnd === lineEnd || keyEnd === lineStart) {
      const line = file.toString("utf8", lineStart, Math.min(lineEnd, lineStart + 60));
      throw new DevenvError("DEVENV_ARCHIVE_MALFORMED", `${name}: ${JSON.stringify(line)} is no field`);
    }
    isEmpty = false;
    field = fieldOf(hash, file, lineStart, keyEnd);
    if (field < 0) continue;
    let valueStart = keyEnd + 1;
    while (valueStart < lineEnd && isBlank(file[valueStart])) valueStart++;
    stanza[2 * field] = valueStart;
    stanza[2 * field + 1] = lineEnd;
  }
  if (!isEmpty) onStanza(stanza);
}

const descriptionField = stanzaFields.indexOf("Description");

/** Field names are compared in lower case. */
const fieldByHash = new Map<number, { readonly index: number; readonly key: string }>(
  stanzaFields.map((name, index) => {
    const key = name.toLowerCase();
    return [[...Buffer.from(key)].reduce(hashStep, 0), { index, key }];
  }),
);

function hashStep(hash: number, byte: number | undefined): number {
  return (Math.imul(hash, 31) + ((byte ?? 0) | 0x20)) | 0;
}

function fieldOf(hash: number, file: Buffer, start: number, end: number): number {
  const found = fieldByHash.get(hash);
  if (found === undefined || found.key.length !== end - start) return -1;
  for (let at = 0; at < found.key.length; at++) {
    if (((file[start + at] ?? 0) | 0x20) !== found.key.charCodeAt(at)) return -1;
  }
  return found.index;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab || byte === carriageReturn;
}
