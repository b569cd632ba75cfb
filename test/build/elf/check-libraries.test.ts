import { describe, expect, test } from "vitest";
import { checkLibraries, type LibraryResult } from "../../../src/build/elf/check-libraries.ts";
import type { InventoryEntry, LayerInventory } from "../../../src/build/elf/inventory.ts";
import {
  alpine,
  debian,
  directory,
  layerOf,
  library,
  link,
  opaque,
  other,
  program,
  triplet,
  whiteout,
} from "./inventories.ts";

interface Setting {
  readonly base?: readonly LayerInventory[];
  readonly optional?: readonly string[];
  readonly architecture?: "amd64" | "arm64";
}

/** The last layer is the toolchain. */
function check(
  toolchain: readonly InventoryEntry[],
  { base = [debian], optional = [], architecture = "amd64" }: Setting = {},
): LibraryResult {
  const layers = [...base, layerOf(...toolchain)];
  return checkLibraries({ layers, toolchain: [base.length], architecture, optional });
}

const fine: LibraryResult = { missing: [], loaders: [], outdated: [] };
const missing = (file: string, soname: string): LibraryResult => ({ ...fine, missing: [{ file, soname }] });

describe("libraries are looked for", () => {
  test("where the loader of the base looks, through links to directories and files", () => {
    const needed = ["libc.so.6", "libz.so.1", "ld-linux-x86-64.so.2", "linux-vdso.so.1"];
    expect(check([program("opt/t/bin/tool", { needed })])).toEqual(fine);
    expect(check([program("opt/t/bin/tool", { needed: [...needed, "libssl.so.3"] })])).toEqual(
      missing("opt/t/bin/tool", "libssl.so.3"),
    );
  });

  test("below /usr/local as well, and not in directories that nothing leads to", () => {
    const tool = program("usr/local/bin/tool", { needed: ["libown.so.1"] });
    expect(check([tool, library("usr/local/lib/libown.so.1")])).toEqual(fine);
    expect(check([tool, library("usr/local/lib/deep/libown.so.1")])).toEqual(
      missing("usr/local/bin/tool", "libown.so.1"),
    );
  });

  test.each([
    ["$ORIGIN/../lib", fine],
    ["$" + "{ORIGIN}/../lib", fine],
    ["/nowhere:/opt/t/lib", fine],
    ["$ORIGIN/lib", missing("opt/t/bin/tool", "libown.so.1")],
    ["../lib", missing("opt/t/bin/tool", "libown.so.1")],
  ])("by RPATH or RUNPATH %s", (path, result) => {
    const own = library("opt/t/lib/libown.so.1");
    for (const name of ["rpath", "runpath"] as const) {
      const tool = program("opt/t/bin/tool", { needed: ["libown.so.1"], [name]: path });
      expect(check([tool, own]), name).toEqual(result);
    }
  });

  test("not by RPATH where there is a RUNPATH", () => {
    const paths = { rpath: "/opt/t/lib", runpath: "/nowhere" };
    const tool = program("opt/t/bin/tool", { needed: ["libown.so.1"], ...paths });
    expect(check([tool, library("opt/t/lib/libown.so.1")])).toEqual(missing("opt/t/bin/tool", "libown.so.1"));
  });

  test("in RUNPATH before the base", () => {
    const needs = [{ library: "libz.so.1", versions: ["ZLIB_1.3"] }];
    const tool = program("opt/t/bin/tool", {
      needed: ["libz.so.1"],
      runpath: "$ORIGIN",
      versionsNeeded: needs,
    });
    const own = library("opt/t/bin/libz.so.1", { versionsDefined: ["ZLIB_1.3"] });
    expect(check([tool, own])).toEqual(fine);
    expect(check([tool]).outdated).toMatchObject([{ library: "libz.so.1", version: "ZLIB_1.3" }]);
  });

  test("by a path, when they are needed by one", () => {
    const tool = (needed: string) => program("opt/t/bin/tool", { needed: [needed] });
    const own = library("opt/t/lib/libown.so");
    expect(check([tool("/opt/t/lib/libown.so"), own])).toEqual(fine);
    expect(check([tool("$ORIGIN/../lib/libown.so"), own])).toEqual(fine);
    expect(check([tool("/opt/libown.so"), own])).toEqual(missing("opt/t/bin/tool", "/opt/libown.so"));
  });

  test("anywhere in the toolchain for a library, as another file may bring it; for a program not", () => {
    const jvm = library("opt/jdk/lib/server/libjvm.so", { needed: ["libc.so.6"] });
    expect(check([library("opt/jdk/lib/libjava.so", { needed: ["libjvm.so"] }), jvm])).toEqual(fine);
    expect(check([program("opt/jdk/bin/java", { needed: ["libjvm.so"] }), jvm])).toEqual(
      missing("opt/jdk/bin/java", "libjvm.so"),
    );
    expect(
      check([library("opt/jdk/lib/libjava.so", { needed: ["libjvm.so"] })], {
        base: [debian, layerOf(jvm)],
      }),
    ).toEqual(missing("opt/jdk/lib/libjava.so", "libjvm.so"));
  });

  test("for their soname in the toolchain, whatever their file is called", () => {
    const own = library("opt/t/private/own.bin", { soname: "libown.so.1" });
    expect(check([library("opt/t/module.so", { needed: ["libown.so.1"] }), own])).toEqual(fine);
  });

  test("for the same machine", () => {
    const tool = program("opt/t/bin/tool", { needed: ["libown.so.1"] });
    const others = [{ machine: 183 }, { machine: 3, bits: 32 as const }, { littleEndian: false }];
    for (const facts of others)
      expect(check([tool, library("usr/lib/libown.so.1", facts)])).toEqual(
        missing("opt/t/bin/tool", "libown.so.1"),
      );
    const there = library("usr/local/lib/libown.so.1");
    expect(check([tool, library(`usr/local/lib/${triplet}/libown.so.1`, { machine: 183 }), there])).toEqual(
      fine,
    );
    expect(check([library("opt/t/arm.so", { machine: 183, needed: ["libnone.so"] })])).toEqual(fine);
  });

  test("only of the files that are the toolchain's and not optional", () => {
    const base = [debian, layerOf(library("usr/lib/broken.so", { needed: ["libnone.so"] }))];
    expect(check([program("opt/t/bin/tool")], { base })).toEqual(fine);
    const tk = library("opt/t/lib/python3.9/lib-dynload/_tkinter.cpython-39.so", { needed: ["libtk8.6.so"] });
    expect(check([tk], { optional: ["**/_tkinter*.so"] })).toEqual(fine);
    expect(
      check([tk], { optional: ["_tkinter*.so", "**/tkinter*.so", "**/_tkinter?.so"] }).missing,
    ).toHaveLength(1);
  });

  test("on the other architecture in its own places", () => {
    const arm = { machine: 183 };
    const base = layerOf(
      library("lib/ld-linux-aarch64.so.1", arm),
      library("usr/lib/aarch64-linux-gnu/libc.so.6", { ...arm, versionsDefined: ["GLIBC_2.17"] }),
    );
    const tool = program("opt/t/bin/tool", {
      ...arm,
      interpreter: "/lib/ld-linux-aarch64.so.1",
      needed: ["libc.so.6", "libz.so.1"],
      versionsNeeded: [{ library: "libc.so.6", versions: ["GLIBC_2.17"] }],
    });
    expect(check([tool], { base: [base], architecture: "arm64" })).toEqual(
      missing("opt/t/bin/tool", "libz.so.1"),
    );
  });
});

describe("layers lie upon each other", () => {
  const tool = program("opt/t/bin/tool", { needed: ["libz.so.1"] });
  const gone = missing("opt/t/bin/tool", "libz.so.1");

  test.each<[string, InventoryEntry, LibraryResult]>([
    ["a whiteout hides a file", whiteout(`usr/lib/${triplet}/libz.so.1.2.13`), gone],
    ["a whiteout hides a link", whiteout(`usr/lib/${triplet}/libz.so.1`), gone],
    ["what is not ELF takes its place", other(`usr/lib/${triplet}/libz.so.1.2.13`), gone],
    ["a link leads elsewhere", link(`usr/lib/${triplet}/libz.so.1`, "/nowhere"), gone],
    ["a link leads to itself", link(`usr/lib/${triplet}/libz.so.1`, "libz.so.1"), gone],
    [
      "a link climbs and comes back",
      link("usr/local/lib", `../../../usr/lib/${triplet}/../${triplet}`),
      fine,
    ],
    ["another directory has nothing in it", directory(`usr/lib/${triplet}`), fine],
  ])("%s", (_, entry, result) => {
    expect(check([tool], { base: [debian, layerOf(entry)] })).toEqual(result);
  });

  test("an opaque directory hides what is below and not what is above", () => {
    const base = [debian, layerOf(opaque(`usr/lib/${triplet}`)), debian];
    expect(check([tool], { base })).toEqual(fine);
    expect(check([tool], { base: base.slice(0, 2) }).loaders).toHaveLength(1);
    const refilled = layerOf(opaque(`usr/lib/${triplet}`), library(`usr/lib/${triplet}/libz.so.1`));
    const statically = program("opt/t/bin/tool", { needed: ["libz.so.1"], interpreter: "/opt/ld.so" });
    const own = layerOf(library("opt/ld.so"));
    expect(check([statically], { base: [debian, refilled, own] })).toEqual(fine);
  });

  test("what a link with a whole path leads to has its own path, whatever came before", () => {
    const needs = [{ library: "libz.so.1", versions: ["ZLIB_9"] }];
    const user = program("opt/t/bin/tool", { needed: ["libz.so.1"], versionsNeeded: needs });
    const away = link(`usr/lib/${triplet}/libz.so.1`, "/opt/z/../z/libz.so.1");
    const own = library("opt/z/libz.so.1", { versionsDefined: ["ZLIB_1"] });
    expect(check([user], { base: [debian, layerOf(away, own)] }).outdated).toMatchObject([
      { provider: "opt/z/libz.so.1", available: ["ZLIB_1"] },
    ]);
  });

  test("an opaque root hides everything", () => {
    expect(check([tool], { base: [debian, layerOf(opaque(""))] }).loaders).toHaveLength(1);
  });

  test("a directory in the place of a link hides what the link led to", () => {
    const loaders = [{ file: "opt/t/bin/tool", interpreter: "/lib64/ld-linux-x86-64.so.2" }];
    for (const entry of [directory("lib64"), library(`lib/${triplet}/libnew.so.1`)])
      expect(check([tool], { base: [debian, layerOf(entry)] })).toEqual({ ...fine, loaders });
  });

  test("a file of the toolchain that a later layer replaces is not the toolchain's any more", () => {
    const bad = layerOf(program("opt/t/bin/tool", { needed: ["libnone.so"] }));
    const good = layerOf(program("opt/t/bin/tool"));
    expect(checkLibraries({ layers: [debian, bad, good], toolchain: [1], architecture: "amd64" })).toEqual(
      fine,
    );
    expect(
      checkLibraries({ layers: [debian, bad], toolchain: [1], architecture: "amd64" }).missing,
    ).toHaveLength(1);
  });
});

describe("versions of symbols", () => {
  const needing = (versions: readonly string[], weak: readonly string[] = []) =>
    program("opt/t/bin/tool", {
      needed: ["libc.so.6"],
      versionsNeeded: [{ library: "libc.so.6", versions, weak }],
    });

  test("are those of the library that would be loaded", () => {
    expect(check([needing(["GLIBC_2.2.5", "GLIBC_2.31"])])).toEqual(fine);
    expect(check([needing(["GLIBC_2.2.5", "GLIBC_2.34"])]).outdated).toEqual([
      {
        file: "opt/t/bin/tool",
        library: "libc.so.6",
        provider: `usr/lib/${triplet}/libc.so.6`,
        version: "GLIBC_2.34",
        available: ["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.31"],
      },
    ]);
  });

  test("may be missing when they are weak", () => {
    expect(check([needing(["GLIBC_2.31"], ["GLIBC_2.38"])])).toEqual(fine);
  });

  test("are not looked for in a library that has none, unless they are glibc's", () => {
    const plain = layerOf(library(`usr/lib/${triplet}/libz.so.1`));
    const needs = [{ library: "libz.so.1", versions: ["ZLIB_1.3"] }];
    const tool = program("opt/t/bin/tool", { needed: ["libz.so.1"], versionsNeeded: needs });
    expect(check([tool], { base: [debian, plain] })).toEqual(fine);
    const bare = layerOf(library(`usr/lib/${triplet}/libc.so.6`));
    expect(check([needing(["GLIBC_2.34"])], { base: [debian, bare] }).outdated).toHaveLength(1);
  });

  test("may come from any of the toolchain's own libraries of that name", () => {
    const module = library("opt/t/module.so", {
      needed: ["libown.so.1"],
      versionsNeeded: [{ library: "libown.so.1", versions: ["OWN_2"] }],
    });
    const old = library("opt/t/a/libown.so.1", { versionsDefined: ["OWN_1"] });
    const young = library("opt/t/b/libown.so.1", { versionsDefined: ["OWN_1", "OWN_2"] });
    expect(check([module, old, young])).toEqual(fine);
    expect(check([module, old]).outdated).toMatchObject([
      { provider: "opt/t/a/libown.so.1", version: "OWN_2" },
    ]);
  });
});

describe("another C library", () => {
  test("has no loader for a program of glibc", () => {
    expect(check([program("usr/bin/python", { needed: ["libc.so.6"] })], { base: [alpine] })).toEqual({
      ...fine,
      loaders: [{ file: "usr/bin/python", interpreter: "/lib64/ld-linux-x86-64.so.2" }],
    });
  });

  test("is what musl's own programs and modules are for", () => {
    const interpreter = "/lib/ld-musl-x86_64.so.1";
    const needed = ["libc.musl-x86_64.so.1", "libssl.so.3", "libc.so", "libpthread.so.0"];
    const tools = [
      program("usr/local/bin/node", { interpreter, needed }),
      library("usr/local/lib/addon.node", { needed }),
    ];
    expect(check(tools, { base: [alpine] })).toEqual(fine);
    expect(check([program("usr/bin/t", { interpreter, needed: ["libz.so.1"] })], { base: [alpine] })).toEqual(
      missing("usr/bin/t", "libz.so.1"),
    );
  });

  test("lacks the versions that a module made for glibc needs", () => {
    const module = library("opt/t/module.so", {
      needed: ["libc.so.6", "libm.so.6"],
      versionsNeeded: [{ library: "libc.so.6", versions: ["GLIBC_2.17"] }],
    });
    expect(check([module], { base: [alpine] })).toEqual({
      ...fine,
      outdated: [
        {
          file: "opt/t/module.so",
          library: "libc.so.6",
          provider: "lib/ld-musl-x86_64.so.1",
          version: "GLIBC_2.17",
          available: [],
        },
      ],
    });
  });
});
