import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const source = resolve(import.meta.dirname, "../../src");

/** For each room, the rooms it may import: those further along the one way through the code. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  cli: ["environment", "build", "resolve", "sources", "store", "lock", "config"],
  environment: ["build", "sandbox", "resolve", "sources", "store", "lock", "config", "languages"],
  build: ["sandbox", "resolve", "sources", "store", "lock", "config", "languages"],
  resolve: ["sources", "store", "lock", "config", "languages"],
  sources: ["store", "lock", "languages"],
  sandbox: ["lock"],
  store: ["lock"],
  lock: ["config", "languages"],
  config: ["lock", "languages"],
  languages: [],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

describe("the house", () => {
  const imports = sourceFiles().flatMap(importsOf);

  test("has source files to look at", () => {
    expect(imports.length).toBeGreaterThan(20);
  });

  test("imports follow the arrows from room to room", () => {
    const wrong = imports.filter(({ from, to }) => {
      const [fromRoom, toRoom] = [roomOf(from), roomOf(to)];
      if (toRoom === "" || fromRoom === toRoom) return false;
      return !(allowed[fromRoom] ?? []).includes(toRoom);
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  test("imports make no cycle", () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
        return;
      }
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of edges.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test("a package that is imported when needed is an ES module, or gives its default alone", () => {
    const pattern = /\{([^{}]*)\} = await import\("((?!node:)[^."][^"]*)"\)/g;
    const found = sourceFiles().flatMap((file) =>
      [...readFileSync(join(source, file), "utf8").matchAll(pattern)].map(([, names = "", name = ""]) => ({
        file,
        name,
        isDefault: names.trim().startsWith("default:"),
      })),
    );
    expect(found.map(({ name }) => name)).toContain("openpgp");
    // The bundle splits there, and the names of a CommonJS package are lost to the other side.
    const lost = found.filter(({ name, isDefault }) => !isDefault && !isModule(name));
    expect(lost.map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
  });
});

function sourceFiles(): string[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), "utf8");
  const pattern = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+\.ts)"/g;
  return [...text.matchAll(pattern)].map((match) => ({
    from: file,
    to: relative(source, resolve(source, dirname(file), match[1] ?? "")),
  }));
}

function isModule(name: string): boolean {
  const manifest = readFileSync(resolve(source, "../node_modules", name, "package.json"), "utf8");
  return (JSON.parse(manifest) as { type?: string }).type === "module";
}

/** The top folder of a file below `src/`; empty for a file that stands in `src/` itself, which everyone may use. */
function roomOf(file: string): string {
  const slash = file.indexOf("/");
  return slash < 0 ? "" : file.slice(0, slash);
}
