import type { ArchiveEntry } from "./layer-archive.ts";

/** What one layer says about a path. */
export type LayerEntry =
  | { readonly kind: "directory" | "other" }
  /** The text only where it matters. */
  | { readonly kind: "file"; readonly text?: string }
  | { readonly kind: "symlink"; readonly target: string };

/** What one layer says about the few paths that tell what an image is. */
export interface LayerFacts {
  /** By path, those of interest and the directories above them. */
  readonly entries: Readonly<Record<string, LayerEntry>>;
  /** Paths that the layers below may have and the image has not. */
  readonly removed: readonly string[];
  /** Directories of which the layers below do not show. */
  readonly opaque: readonly string[];
}

/** Where the facts are: the text of the files below is kept, up to so many bytes each. */
const texts: readonly { readonly path: RegExp; readonly limit: number }[] = [
  { path: /^(etc|usr\/lib)\/os-release$/, limit: 64 * 1024 },
  { path: /^var\/lib\/dpkg\/status$/, limit: 32 * 1024 * 1024 },
  { path: /^var\/lib\/dpkg\/status\.d\/(?!.*\.md5sums$)[^/]+$/, limit: 256 * 1024 },
];

/** Of these it only matters whether they are there. */
const marks: readonly RegExp[] = [
  /^(usr\/)?lib\/apk\/db\/installed$/,
  /^(usr\/)?lib(32|64|x32)?\/([^/]+-linux-[^/]+\/)?ld-(linux|musl)[^/]*\.so\.[0-9]+$/,
];

/** Directories above what is of interest, the root among them. */
const directories =
  /^(|etc|usr|var|var\/lib|var\/lib\/dpkg(\/status\.d)?|(usr\/)?lib(32|64|x32)?(\/[^/]+-linux-[^/]+)?|(usr\/)?lib\/apk(\/db)?)$/;

/** All of `var/lib/dpkg/status.d` together, and with it the memory that a layer can take. */
const mostEntries = 20_000;
const mostText = 64 * 1024 * 1024;

/**
 * Reads what a layer says about the paths of interest. A later entry replaces an earlier one, whatever the order
 * whiteouts speak of the layers below only (OCI image specification, layer.md).
 *
 * @throws Error for a file, or files, larger than any image has a reason for.
 */
export async function factsOfLayer(entries: AsyncIterable<ArchiveEntry>): Promise<LayerFacts> {
  const found = new Map<string, LayerEntry>();
  const removed = new Set<string>();
  const opaque = new Set<string>();
  let length = 0;
  for await (const entry of entries) {
    const { above, name } = split(entry.path);
    if (name === ".wh..wh..opq") {
      if (isOfInterest(above)) opaque.add(above);
    } else if (name.startsWith(".wh.")) {
      const path = join(above, name.slice(".wh.".length));
      if (isOfInterest(path)) removed.add(path);
    } else if (isOfInterest(entry.path)) {
      const noted = await note(entry, found);
      if (noted.kind === "file") length += noted.text?.length ?? 0;
      put(found, entry.path, noted);
    }
    if (length > mostText || found.size + removed.size + opaque.size > mostEntries)
      throw new Error("found more about packages than any image has");
  }
  return { entries: Object.fromEntries(found), removed: [...removed], opaque: [...opaque] };
}

function isOfInterest(path: string): boolean {
  return (
    directories.test(path) ||
    texts.some((text) => text.path.test(path)) ||
    marks.some((mark) => mark.test(path))
  );
}

async function note(
  { content, kind, path, size, target }: ArchiveEntry,
  found: ReadonlyMap<string, LayerEntry>,
): Promise<LayerEntry> {
  if (kind === "symlink") return { kind, target };
  if (kind === "link") return found.get(target) ?? { kind: "other" };
  if (kind !== "file") return { kind };
  const text = texts.find((one) => one.path.test(path));
  if (text === undefined) return { kind };
  if (size > text.limit) throw new Error(`${path}: found ${size} bytes, expected ${text.limit} at most`);
  return { kind, text: (await content()).toString("utf8") };
}

/** The directories above a path may have no entries of their own; what is no directory has nothing below it. */
function put(found: Map<string, LayerEntry>, path: string, entry: LayerEntry): void {
  for (let { above } = split(path); above !== ""; above = split(above).above)
    if (!found.has(above)) found.set(above, { kind: "directory" });
  if (entry.kind !== "directory" && found.get(path)?.kind === "directory")
    for (const other of found.keys()) if (other.startsWith(`${path}/`)) found.delete(other);
  found.set(path, entry);
}

function split(path: string): { readonly above: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { above: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

function join(above: string, name: string): string {
  return above === "" ? name : `${above}/${name}`;
}
