import type { LayerEntry, LayerFacts } from "./layer-facts.ts";

/** As many as Linux follows. */
const mostLinks = 40;

/**
 * The text of a file as the image has it, links followed; undefined when there is none.
 *
 * @param layers the uppermost first.
 */
export function textIn(layers: readonly LayerFacts[], path: string): string | undefined {
  const entry = resolved(layers, path, 0);
  return entry?.kind === "file" ? entry.text : undefined;
}

/** The paths of interest that match and that the image has, sorted; links are not followed. */
export function pathsIn(layers: readonly LayerFacts[], pattern: RegExp): string[] {
  const paths = new Set(layers.flatMap(({ entries }) => Object.keys(entries)));
  return [...paths].filter((path) => pattern.test(path) && entryIn(layers, path) !== undefined).sort();
}

function resolved(layers: readonly LayerFacts[], path: string, links: number): LayerEntry | undefined {
  const parts = path.split("/");
  for (let count = 1; count <= parts.length; count++) {
    const at = parts.slice(0, count);
    const entry = entryIn(layers, at.join("/"));
    if (entry?.kind === "symlink") {
      const next = [...targetOf(at.slice(0, -1), entry.target), ...parts.slice(count)];
      return links < mostLinks ? resolved(layers, next.join("/"), links + 1) : undefined;
    }
    if (count === parts.length) return entry;
    if (entry?.kind !== "directory") return undefined;
  }
  return undefined;
}

/** A root has nothing above it. */
function targetOf(above: readonly string[], target: string): string[] {
  const parts = target.startsWith("/") ? [] : [...above];
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** What the uppermost layer says that speaks of the path. */
function entryIn(layers: readonly LayerFacts[], path: string): LayerEntry | undefined {
  for (const { entries, opaque, removed } of layers) {
    if (Object.hasOwn(entries, path)) return entries[path];
    if (removed.includes(path)) return undefined;
    for (const above of directoriesAbove(path)) {
      if (removed.includes(above) || opaque.includes(above)) return undefined;
      if (Object.hasOwn(entries, above) && entries[above]?.kind !== "directory") return undefined;
    }
  }
  return undefined;
}

/** With the root, which is the empty path. */
function directoriesAbove(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index).join("/"));
}
