import { runStoreVerb } from "./store-verb.ts";

/** One entry of an unpacked layer, as an overlay of layers sees it. */
export interface LayerEntry {
  /**
   * `opaque` is a directory that hides what the layers below have in it, `whiteout` hides one name, `elf` is a file
   * that begins as ELF files do, `other` is anything else.
   */
  readonly kind: "directory" | "opaque" | "whiteout" | "link" | "elf" | "other";
  /** Relative to the layer's root; empty for the root itself. */
  readonly path: string;
  /** Of a link, as it stands there. */
  readonly target?: string;
  /** Of a directory: that the layer's archive has no entry of it. */
  readonly implicit?: true;
}

const kinds: Readonly<Record<string, Pick<LayerEntry, "kind" | "implicit">>> = {
  d: { kind: "directory" },
  i: { kind: "directory", implicit: true },
  o: { kind: "opaque" },
  p: { kind: "opaque", implicit: true },
  w: { kind: "whiteout" },
  l: { kind: "link" },
  e: { kind: "elf" },
  f: { kind: "other" },
};

/**
 * What a layer in the store has; each directory comes before what is in it. The sandbox program looks, for Node reads
 * no extended attributes, by which alone an opaque directory is known, and may not open what belongs to mapped ids.
 *
 * @param root path of the layer below the store.
 * @throws DevenvError `DEVENV_LIST_FAILED` when something in it cannot be read.
 */
export async function listLayer(store: string, root: string): Promise<LayerEntry[]> {
  const printed = await runStoreVerb("list", store, ["--root", root]);
  const words = printed.split("\0").values();
  const entries: LayerEntry[] = [];
  for (const word of words) {
    if (word === "") continue;
    const found = kinds[word.slice(0, 1)];
    if (found === undefined) throw new Error(`Assertion failed: list answered ${JSON.stringify(word)}`);
    const path = word.slice(1);
    entries.push({ ...found, path, ...(found.kind === "link" ? { target: words.next().value ?? "" } : {}) });
  }
  return entries;
}
