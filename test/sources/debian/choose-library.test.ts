import { describe, expect, test } from "vitest";
import { chooseLibraryPackage, namedAfterLibrary } from "../../../src/sources/debian/choose-library.ts";
import { indexOf } from "./solver-index.ts";

const of = (...locations: readonly string[]) =>
  locations.map((location) => {
    const [section = "", name = ""] = location.split("/");
    return { section, name };
  });

describe("the package to take a library from", () => {
  test.each([
    ["libssl.so.3", "libssl3", of("libs/libssl", "libs/libssl3")],
    ["libsqlite3.so.0", "libsqlite3-0", of("libs/libsqlite3", "libs/libsqlite3-0")],
    ["libtk8.6.so", "libtk8.6", of("libs/tk8", "tcl/libtk8.6")],
    ["libICE.so.6", "libice6", of("libs/libic", "libs/libice6")],
    ["libboost_regex.so.1.74.0", "libboost-regex1.74.0", of("libs/libboost", "libs/libboost-regex1.74.0")],
    ["libssl.so.3", "libssl3t64", of("libs/libssl3a", "libs/libssl3t64")],
    ["libz.so.1", "zlib1g", of("utils/zlib", "libs/zlib1g", "libs/lib64zlib1g")],
    ["libfoo.so.1", "libfoo1a", of("misc/afoo", "libs/libfo", "misc/libfoo1a")],
    ["libfoo.so.1", "libfoo1-abc", of("libs/libfoo1-abcd", "libs/libfoo1-abc")],
  ])("%s is %s", (soname, expected, packages) => {
    expect(chooseLibraryPackage(soname, packages)[0]).toBe(expected);
    expect(chooseLibraryPackage(soname, [...packages].reverse())).toEqual(
      chooseLibraryPackage(soname, packages),
    );
  });

  test("is named once, though several files of it match", () => {
    expect(chooseLibraryPackage("liba.so.1", of("libs/liba1", "libs/liba1"))).toEqual(["liba1"]);
  });
});

test.each([
  ["libffi.so.8", "libffi8"],
  ["libssl.so.3", "libssl3t64"],
  ["libgit2.so.1.5", "libgit2-1.5"],
  ["libLLVM.so.19.1", "libllvm19"],
  ["libnone.so.1", undefined],
])("without a list of files %s is looked for as %s", (soname, name) => {
  const index = indexOf({
    "libffi8 3.4": {},
    "libssl3t64 3.5": {},
    "libgit2-1.5 1.5": {},
    "libllvm19 19": {},
  });
  expect(namedAfterLibrary(index, soname)).toBe(name);
});
