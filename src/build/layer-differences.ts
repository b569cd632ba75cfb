import { createHash } from "node:crypto";
import { relative } from "node:path";
import { PassThrough } from "node:stream";
import { extract, type Header } from "tar-stream";
import { packLayer } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";

/** How one entry of a layer differs from what another layer has at its path. */
export interface Difference {
  /** Absolute. */
  readonly path: string;
  /** `added`, `removed`, or in what it differs, with both values where they are short: `mode 755 → 700`. */
  readonly kinds: readonly string[];
}

/** An unpacked layer: an absolute path below its store. */
export interface LayerPlace {
  readonly store: Store;
  readonly path: string;
}

/** What is compared, and seconds since 1970 beyond which no time counts. */
export interface Compared {
  readonly before: LayerPlace;
  readonly after: LayerPlace;
  readonly epoch: number;
}

/** In what two unpacked layers differ, by path: what their archives say is compared, entry by entry. */
export async function layerDifferences({ after, before, epoch }: Compared): Promise<Difference[]> {
  const [old, now] = await Promise.all([factsOf(before, epoch), factsOf(after, epoch)]);
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path) => {
    const [from, to] = [old.get(path), now.get(path)];
    if (from === undefined) return [{ path, kinds: ["added"] }];
    if (to === undefined) return [{ path, kinds: ["removed"] }];
    const kinds = differencesOf(from, to);
    return kinds.length === 0 ? [] : [{ path, kinds }];
  });
}

/** As many are told. */
const mostShown = 40;

/** Differences as people read them, a line each. */
export function describeDifferences(differences: readonly Difference[]): string[] {
  const shown = differences.slice(0, mostShown).map(({ kinds, path }) => `${path}: ${kinds.join(", ")}`);
  const rest = differences.length - shown.length;
  return rest === 0 ? shown : [...shown, `and ${rest} more`];
}

const aspects = ["type", "mode", "owner", "size", "link", "time", "attributes", "content"] as const;

/** What an archive says of one entry, in the words of a difference. */
type EntryFacts = Readonly<Record<(typeof aspects)[number], string>>;

interface Facts extends EntryFacts {
  /** The content of a short file, where it is a text. */
  readonly text?: string;
}

/** Bytes up to which a text is compared line by line. */
const longestText = 64 * 1024;

async function factsOf({ path, store }: LayerPlace, epoch: number): Promise<Map<string, Facts>> {
  const output = new PassThrough();
  const entries = extract();
  output.pipe(entries);
  const packed = packLayer({ store: store.root, root: relative(store.root, path), epoch, output }).then(
    () => void output.end(),
    (error: Error) => void entries.destroy(error),
  );
  const facts = new Map<string, Facts>();
  for await (const entry of entries) {
    const { header } = entry;
    const isShort = (header.size ?? 0) <= longestText;
    const hash = createHash("sha256");
    const pieces: Buffer[] = [];
    for await (const piece of entry as AsyncIterable<Buffer>) {
      hash.update(piece);
      if (isShort) pieces.push(piece);
    }
    const text = isShort ? textOf(Buffer.concat(pieces)) : undefined;
    const entryFacts = factsOfEntry(header, hash.digest("hex"));
    facts.set(`/${header.name.replace(/^\.?\/|\/$/g, "")}`, {
      ...entryFacts,
      ...(text === undefined ? {} : { text }),
    });
  }
  await packed;
  return facts;
}

function factsOfEntry(header: Header, content: string): EntryFacts {
  const { gid = 0, linkname, mode = 0, mtime, pax, size = 0, type, uid = 0 } = header;
  const attributes = Object.entries(pax ?? {}).filter(([key]) => key.startsWith("SCHILY."));
  return {
    type: type ?? "file",
    mode: mode.toString(8),
    owner: `${uid}:${gid}`,
    size: type === "file" ? String(size) : "",
    link: linkname ?? "",
    time: mtime === undefined ? "" : new Date(mtime).toISOString().replace(".000", ""),
    attributes: JSON.stringify(attributes.sort()),
    content: type === "file" ? content : "",
  };
}

function differencesOf(from: Facts, to: Facts): string[] {
  if (from.type !== to.type) return [`type ${from.type} → ${to.type}`];
  return aspects
    .filter((name) => from[name] !== to[name])
    .map((name) => {
      if (name === "content") return contentDifference(from.text, to.text);
      if (name === "attributes") return name;
      return `${name} ${from[name] || "nothing"} → ${to[name] || "nothing"}`;
    });
}

/** Of two texts the first line that differs. */
function contentDifference(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return "content";
  const [old, now] = [from.split("\n"), to.split("\n")];
  const index = old.findIndex((line, number) => line !== now[number]);
  const number = index < 0 ? old.length : index;
  return `content, line ${number + 1}: ${shown(old[number])} → ${shown(now[number])}`;
}

function shown(line: string | undefined): string {
  if (line === undefined) return "nothing";
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}

function textOf(content: Buffer): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}
