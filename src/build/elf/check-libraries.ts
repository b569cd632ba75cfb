import { posix } from "node:path";
import { globPattern } from "./glob.ts";
import type { LayerInventory } from "./inventory.ts";
import {
  type ElfArchitecture,
  expandPath,
  glibcLoader,
  isFor,
  isLoaderItself,
  isVdso,
  type Loader,
  muslLoader,
} from "./loader.ts";
import { composeRoot, type ElfFile, elfFiles, findElf } from "./tree.ts";

/** What {@link checkLibraries} looks at. */
export interface LibraryInputs {
  /** Of all layers of the root, the lowest first. */
  readonly layers: readonly LayerInventory[];
  /** Which of them, by number, are the toolchain's. */
  readonly toolchain: readonly number[];
  readonly architecture: ElfArchitecture;
  /** Patterns of paths, such as `**\/_tkinter*.so`, of files whose libraries may be missing. */
  readonly optional?: readonly string[];
}

/** Paths in it are relative to the root; sorted by file. */
export interface LibraryResult {
  /** Libraries that no file of the root is. */
  readonly missing: readonly MissingLibrary[];
  /** Programs whose loader the root does not have: they are made for another C library. */
  readonly loaders: readonly MissingLoader[];
  /** Libraries that are there without the versions of symbols that a file needs. */
  readonly outdated: readonly OutdatedLibrary[];
}

export interface MissingLibrary {
  readonly file: string;
  readonly soname: string;
}

export interface MissingLoader {
  readonly file: string;
  readonly interpreter: string;
}

export interface OutdatedLibrary {
  readonly file: string;
  /** Its name in the file that needs it. */
  readonly library: string;
  /** Path of the library that was found. */
  readonly provider: string;
  /** The version that it lacks, such as `GLIBC_2.34`. */
  readonly version: string;
  /** All that it has; empty for musl. */
  readonly available: readonly string[];
}

/**
 * Looks up what the ELF files of a toolchain need, in the root that it is to become part of, as the program loader
 * would (ld.so(8)).
 *
 * Not every library is found by what its user says: a program may bring it into memory first, or search for it where
 * it knows it to be, as Java's launcher does with libjvm.so. So what a library or an extension module needs may also
 * lie anywhere in the same toolchain. What a program needs may not: nothing is loaded before it.
 *
 * Files for another machine are passed over, as are weak versions.
 */
export function checkLibraries(inputs: LibraryInputs): LibraryResult {
  const root = composeRoot(inputs.layers);
  const layers = new Set(inputs.toolchain);
  const own = elfFiles(root).filter(
    ({ layer, facts }) => layers.has(layer) && isFor(facts, inputs.architecture),
  );
  const view: View = { root, architecture: inputs.architecture, own: byName(own) };
  const optional = (inputs.optional ?? []).map(globPattern);
  const missing: MissingLibrary[] = [];
  const loaders: MissingLoader[] = [];
  const outdated: OutdatedLibrary[] = [];
  for (const file of own.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (optional.some((pattern) => pattern.test(file.path))) continue;
    const { interpreter, needed = [] } = file.facts;
    if (interpreter !== undefined && findElf(root, interpreter) === undefined) {
      loaders.push({ file: file.path, interpreter });
      continue;
    }
    const loader = loaderFor(view, file);
    for (const soname of new Set(needed)) {
      if (isVdso(soname)) continue;
      const candidates = providersOf(view, file, loader, soname);
      if (candidates.length === 0) missing.push({ file: file.path, soname });
      else outdated.push(...lackingVersions(file, soname, candidates));
    }
  }
  return { missing, loaders, outdated };
}

interface View {
  readonly root: ReturnType<typeof composeRoot>;
  readonly architecture: ElfArchitecture;
  /** The toolchain's own files, by the names a library of theirs may be needed by. */
  readonly own: ReadonlyMap<string, readonly ElfFile[]>;
}

function byName(files: readonly ElfFile[]): Map<string, ElfFile[]> {
  const named = new Map<string, ElfFile[]>();
  for (const file of files) {
    const name = posix.basename(file.path);
    const { soname = name } = file.facts;
    for (const key of new Set([name, soname])) named.set(key, [...(named.get(key) ?? []), file]);
  }
  return named;
}

/** A program names its loader; a library is loaded by the one that the root has, glibc's where it has both. */
function loaderFor({ root, architecture }: View, { facts }: ElfFile): Loader {
  const [glibc, musl] = [glibcLoader(architecture), muslLoader(architecture)];
  const isMusl =
    facts.interpreter === undefined
      ? facts.needed?.some((soname) => soname.startsWith("libc.musl-")) === true ||
        findElf(root, glibc.path) === undefined
      : posix.basename(facts.interpreter).startsWith("ld-musl-");
  return isMusl && findElf(root, musl.path) !== undefined ? musl : glibc;
}

/** The file that would be loaded; of the toolchain's own ones that another way may lead to, all. */
function providersOf(view: View, file: ElfFile, loader: Loader, soname: string): readonly ElfFile[] {
  const { root, architecture } = view;
  const look = (path: string): ElfFile | undefined => {
    const found = findElf(root, path);
    return found !== undefined && isFor(found.facts, architecture) ? found : undefined;
  };
  if (isLoaderItself(loader, soname)) return [look(loader.path)].filter((found) => found !== undefined);
  const origin = `/${posix.dirname(file.path)}`;
  const paths = soname.includes("/")
    ? expandPath(soname, origin, architecture)
    : searchPath(file, origin, loader, architecture).map((directory) => `${directory}/${soname}`);
  for (const path of paths) {
    const found = look(path);
    if (found !== undefined) return [found];
  }
  return isProgram(file) ? [] : (view.own.get(posix.basename(soname)) ?? []);
}

/** RPATH counts only where there is no RUNPATH; musl makes no difference between the two. */
function searchPath(
  { facts }: ElfFile,
  origin: string,
  loader: Loader,
  architecture: ElfArchitecture,
): string[] {
  const path = facts.runpath ?? facts.rpath ?? "";
  return [...expandPath(path, origin, architecture), ...loader.directories];
}

/** Some libraries have an interpreter as well, to say something about themselves when they are started. */
function isProgram({ facts }: ElfFile): boolean {
  return facts.type === 2 || (facts.interpreter !== undefined && facts.soname === undefined);
}

/** Nothing when one of the candidates has all versions; else what the first one lacks. */
function lackingVersions(file: ElfFile, library: string, candidates: readonly ElfFile[]): OutdatedLibrary[] {
  const needed = file.facts.versionsNeeded?.find((one) => one.library === library)?.versions ?? [];
  const lacking = candidates.map((provider) => {
    const available = provider.facts.versionsDefined ?? [];
    const versions = needed.filter((version) => lacks(available, version));
    return versions.map((version) => ({
      file: file.path,
      library,
      provider: provider.path,
      version,
      available,
    }));
  });
  return lacking.some((versions) => versions.length === 0) ? [] : (lacking[0] ?? []);
}

/**
 * A library without any versions is taken as it is, with a warning (glibc, elf/dl-version.c). But what is made for
 * glibc's own symbols does not find them in another C library.
 */
function lacks(available: readonly string[], version: string): boolean {
  if (available.length === 0) return version.startsWith("GLIBC_");
  return !available.includes(version);
}
