import type { ElfFacts } from "./read-elf.ts";

/** What the program loader of a C library does on one architecture. */
export interface Loader {
  readonly library: "glibc" | "musl";
  /** Its path in the root. */
  readonly path: string;
  /** Where it looks for libraries when no file says where, in this order. */
  readonly directories: readonly string[];
}

export type ElfArchitecture = "amd64" | "arm64";

interface Machine {
  /** `e_machine`. */
  readonly number: number;
  /** What `$PLATFORM` stands for. */
  readonly platform: string;
  /** Debian's name of the directory for this architecture's libraries. */
  readonly triplet: string;
  readonly glibc: string;
}

const machines: Readonly<Record<ElfArchitecture, Machine>> = {
  amd64: {
    number: 62,
    platform: "x86_64",
    triplet: "x86_64-linux-gnu",
    glibc: "/lib64/ld-linux-x86-64.so.2",
  },
  arm64: {
    number: 183,
    platform: "aarch64",
    triplet: "aarch64-linux-gnu",
    glibc: "/lib/ld-linux-aarch64.so.1",
  },
};

/** Whether the file is for the architecture: the loader passes over others. */
export function isFor(facts: ElfFacts, architecture: ElfArchitecture): boolean {
  return facts.bits === 64 && facts.littleEndian && facts.machine === machines[architecture].number;
}

/**
 * The loader of glibc looks into its cache first, which Debian makes of these directories below /usr/local, then into
 * those of the system. `lib64` is for the distributions that keep them there; on Debian nothing else is in it.
 */
export function glibcLoader(architecture: ElfArchitecture): Loader {
  const { glibc, triplet } = machines[architecture];
  const directories = [
    `/usr/local/lib/${triplet}`,
    `/lib/${triplet}`,
    `/usr/lib/${triplet}`,
    "/usr/local/lib",
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
  ];
  return { library: "glibc", path: glibc, directories };
}

/** musl, ldso/dynlink.c: this is the path that stands for a missing /etc/ld-musl-ARCHITECTURE.path. */
export function muslLoader(architecture: ElfArchitecture): Loader {
  const path = `/lib/ld-musl-${machines[architecture].platform}.so.1`;
  return { library: "musl", path, directories: ["/lib", "/usr/local/lib", "/usr/lib"] };
}

/**
 * What the loader has in memory before it looks for any library: itself, and the kernel's vdso. To musl its own file
 * is also every library that it replaces (ldso/dynlink.c, load_library()), by whatever version.
 */
export function isLoaderItself(loader: Loader, soname: string): boolean {
  if (soname === loader.path.slice(loader.path.lastIndexOf("/") + 1)) return true;
  return loader.library === "musl" && /^lib(c|pthread|rt|m|dl|util|xnet)\./.test(soname);
}

export function isVdso(soname: string): boolean {
  return /^linux-(vdso|gate)\.so\.\d+$/.test(soname);
}

/** The directories of an RPATH or RUNPATH, with what `$ORIGIN` and the like stand for (ld.so(8)). */
export function expandPath(path: string, origin: string, architecture: ElfArchitecture): string[] {
  const { platform, triplet } = machines[architecture];
  const values: Readonly<Record<string, string>> = {
    ORIGIN: origin,
    LIB: `lib/${triplet}`,
    PLATFORM: platform,
  };
  return path
    .split(":")
    .map((directory) =>
      directory.replace(/\$(?:(ORIGIN|LIB|PLATFORM)\b|\{(ORIGIN|LIB|PLATFORM)\})/g, (_, plain, braced) => {
        return values[plain ?? braced] ?? "";
      }),
    )
    .filter((directory) => directory.startsWith("/"));
}
