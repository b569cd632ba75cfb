import { readFile } from "node:fs/promises";
import { DevenvError } from "../../errors.ts";
import { writeFileAtomic } from "../../files.ts";
import type { LockedBaseLayer } from "../../lock/types.ts";
import { noteUse, type Store } from "../../store/index.ts";
import type { ImageFacts } from "../base-facts.ts";
import { isObject, parseJSON } from "../json.ts";
import { openBlob } from "./blob.ts";
import type { RegistryClient } from "./client.ts";
import { registryError } from "./errors.ts";
import { archiveEntries } from "./layer-archive.ts";
import { factsOfLayer, type LayerFacts } from "./layer-facts.ts";
import { pathsIn, textIn } from "./layer-stack.ts";
import { quoteForeign } from "./redact.ts";
import type { Repository } from "./types.ts";

/** Raised when a layer begins to be read in another way, so that what was kept of it is read again. */
const factsFormat = 1;

/** An image that is looked into. */
interface Image {
  readonly client: RegistryClient;
  readonly repository: Repository;
  /** For messages. */
  readonly reference: string;
  /** The lowest first. */
  readonly layers: readonly LockedBaseLayer[];
}

/**
 * What an image is, from a few files of its layers: nothing is unpacked or run, so that the platform does not matter.
 * The layers are read from the uppermost down as far as is necessary, each once: what it says is kept in the store.
 *
 * @throws DevenvError `DEVENV_REGISTRY_LAYER` for a layer that cannot be read, and the errors of {@link openBlob}.
 */
export async function readBaseFacts(store: Store, image: Image, signal?: AbortSignal): Promise<ImageFacts> {
  const layers: LayerFacts[] = [];
  for (const layer of image.layers.toReversed()) {
    layers.push((await known(store, layer)) ?? (await look(store, image, layer, signal)));
    if (isEnough(layers)) break;
  }
  return factsOfImage(layers);
}

const muslLoader = /\/ld-musl-[^/]+$/;
const glibcLoader = /\/ld-linux[^/]+$/;

/** No layer below could change what these say. */
function isEnough(layers: readonly LayerFacts[]): boolean {
  return (
    textIn(layers, "etc/os-release") !== undefined &&
    textIn(layers, "var/lib/dpkg/status") !== undefined &&
    pathsIn(layers, glibcLoader).length > 0
  );
}

/** @param layers the uppermost first. */
function factsOfImage(layers: readonly LayerFacts[]): ImageFacts {
  // os-release(5): the second one counts where the first one is not.
  const text = textIn(layers, "etc/os-release") ?? textIn(layers, "usr/lib/os-release") ?? "";
  const release = readOSRelease(text);
  const status = textIn(layers, "var/lib/dpkg/status") || distrolessStatus(layers);
  return {
    distribution: release.get("ID") ?? "",
    version: release.get("VERSION_ID") ?? "",
    codename: release.get("VERSION_CODENAME") ?? "",
    libc: libcOf(layers),
    ...(status === "" ? {} : { status }),
  };
}

/** Distroless images have one file a package. */
function distrolessStatus(layers: readonly LayerFacts[]): string {
  return pathsIn(layers, /^var\/lib\/dpkg\/status\.d\//)
    .map((path) => textIn(layers, path)?.trim() ?? "")
    .filter((stanza) => stanza !== "")
    .map((stanza) => `${stanza}\n\n`)
    .join("");
}

/** Either can be installed as a package where the other one is the system's own. */
function libcOf(layers: readonly LayerFacts[]): ImageFacts["libc"] {
  const isMusl = pathsIn(layers, muslLoader).length > 0;
  const isGlibc = pathsIn(layers, glibcLoader).length > 0;
  if (isMusl && isGlibc) return pathsIn(layers, /\/apk\/db\/installed$/).length > 0 ? "musl" : "glibc";
  return isMusl ? "musl" : isGlibc ? "glibc" : "unknown";
}

/** The variables of os-release(5): shell assignments, the values plain or quoted. */
function readOSRelease(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(value)?.[2];
    variables.set(name, (quoted ?? value).replace(/\\([$"'\\`])/g, "$1"));
  }
  return variables;
}

async function look(
  store: Store,
  { client, reference, repository }: Image,
  layer: LockedBaseLayer,
  signal: AbortSignal | undefined,
): Promise<LayerFacts> {
  const { compression, digest, size } = layer;
  const descriptor = { mediaType: "application/octet-stream", digest, size };
  const blob = openBlob(client, repository, descriptor, { verify: true, signal });
  let facts: LayerFacts;
  try {
    facts = await factsOfLayer(archiveEntries(blob, compression));
  } catch (cause) {
    if (cause instanceof DevenvError) throw cause;
    const reason = quoteForeign(cause instanceof Error ? cause.message : String(cause));
    throw registryError("DEVENV_REGISTRY_LAYER", `${reference}: layer ${digest}: cannot be read: ${reason}`, {
      cause,
    });
  }
  await writeFileAtomic(store.factsPath(digest), `${JSON.stringify({ factsFormat, ...facts })}\n`);
  return facts;
}

/** What an earlier look at a layer found; undefined when there was none, or of another format. */
async function known(store: Store, { digest }: LockedBaseLayer): Promise<LayerFacts | undefined> {
  const file = store.factsPath(digest);
  const text = await readFile(file, "utf8").catch(() => "");
  await noteUse(store, [file]);
  const value = parseJSON(text);
  const isRight =
    isObject(value) &&
    value["factsFormat"] === factsFormat &&
    isObject(value["entries"]) &&
    Array.isArray(value["removed"]) &&
    Array.isArray(value["opaque"]);
  return isRight ? (value as unknown as LayerFacts) : undefined;
}
