import type { InventoryEntry, LayerInventory } from "./inventory.ts";
import type { ElfFacts } from "./read-elf.ts";

/** A place in a root that is composed of layers. */
export type Node = Directory | Link | File;

interface Directory {
  readonly kind: "directory";
  readonly children: Map<string, Node>;
}

interface Link {
  readonly kind: "link";
  readonly target: string;
}

interface File {
  readonly kind: "file";
  /** Number of the layer it comes from. */
  readonly layer: number;
  /** Undefined when it is no ELF file. */
  readonly facts?: ElfFacts;
}

/** An ELF file in a root, by its path without links and without a slash in front. */
export interface ElfFile {
  readonly path: string;
  readonly layer: number;
  readonly facts: ElfFacts;
}

/** Links that are followed on one way, as in the kernel. */
const mostLinks = 40;

const emptyDirectory = (): Directory => ({ kind: "directory", children: new Map() });

/**
 * Lays the layers upon each other, the lowest first, as overlayfs does (kernel, filesystems/overlayfs.rst): directories
 * are merged, everything else replaces what is below, and a link is never followed on the way to another layer's entry.
 */
export function composeRoot(layers: readonly LayerInventory[]): Directory {
  const root = emptyDirectory();
  for (const [number, { entries }] of layers.entries()) {
    for (const entry of entries) addEntry(root, entry, number);
  }
  return root;
}

function addEntry(root: Directory, entry: InventoryEntry, layer: number): void {
  const names = entry.path.split("/");
  const name = names.pop() ?? "";
  if (entry.path === "") {
    if (entry.kind === "opaque") root.children.clear();
    return;
  }
  let parent = root;
  for (const above of names) parent = mergedDirectory(parent, above);
  if (entry.kind === "whiteout") parent.children.delete(name);
  else if (entry.kind === "directory") mergedDirectory(parent, name);
  else if (entry.kind === "opaque") parent.children.set(name, emptyDirectory());
  else if (entry.kind === "link") parent.children.set(name, { kind: "link", target: entry.target });
  else if (entry.kind === "elf") parent.children.set(name, { kind: "file", layer, facts: entry.facts });
  else parent.children.set(name, { kind: "file", layer });
}

function mergedDirectory(parent: Directory, name: string): Directory {
  const there = parent.children.get(name);
  if (there?.kind === "directory") return there;
  const made = emptyDirectory();
  parent.children.set(name, made);
  return made;
}

/** All ELF files, each under its own path. */
export function elfFiles(root: Directory): ElfFile[] {
  const files: ElfFile[] = [];
  const visit = (directory: Directory, above: string): void => {
    for (const [name, node] of directory.children) {
      const path = above + name;
      if (node.kind === "directory") visit(node, `${path}/`);
      else if (node.kind === "file" && node.facts !== undefined)
        files.push({ path, layer: node.layer, facts: node.facts });
    }
  };
  visit(root, "");
  return files;
}

/** The ELF file that a path leads to, links followed as the kernel follows them inside the root. */
export function findElf(root: Directory, path: string): ElfFile | undefined {
  const way: { readonly name: string; readonly directory: Directory }[] = [];
  const rest = componentsOf(path).reverse();
  let directory = root;
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "..") {
      way.pop();
      directory = way.at(-1)?.directory ?? root;
      continue;
    }
    const node = directory.children.get(name);
    if (node === undefined) return undefined;
    if (node.kind === "directory") {
      directory = node;
      way.push({ name, directory });
    } else if (node.kind === "link") {
      links += 1;
      if (links > mostLinks) return undefined;
      if (node.target.startsWith("/")) {
        way.length = 0;
        directory = root;
      }
      rest.push(...componentsOf(node.target).reverse());
    } else {
      if (rest.length > 0 || node.facts === undefined) return undefined;
      return {
        path: [...way.map((step) => step.name), name].join("/"),
        layer: node.layer,
        facts: node.facts,
      };
    }
  }
  return undefined;
}

function componentsOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
