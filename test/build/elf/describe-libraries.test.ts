import { describe, expect, test } from "vitest";
import { checkLibraries, type LibraryResult } from "../../../src/build/elf/check-libraries.ts";
import { describeLibraries } from "../../../src/build/elf/describe-libraries.ts";
import { alpine, debian, layerOf, library, program } from "./inventories.ts";

const context = {
  toolchain: "python 3.11.9",
  base: "debian/bullseye",
  alternatives: ["Ask for python 3.9.", "Or take bookworm as base."],
};

const check = (base: typeof debian, facts: Parameters<typeof program>[1]): LibraryResult =>
  checkLibraries({
    layers: [base, layerOf(program("usr/bin/python", facts))],
    toolchain: [1],
    architecture: "amd64",
  });

describe("what the check of a toolchain amounts to", () => {
  test("nothing, when nothing is wrong", () => {
    expect(describeLibraries(check(debian, { needed: ["libc.so.6"] }), context)).toBeUndefined();
  });

  test("a C library that is too old: what is needed, what there is, what to do", () => {
    const versions = ["GLIBC_2.34", "GLIBC_2.4", "GLIBC_2.33"];
    const result = check(debian, {
      needed: ["libc.so.6"],
      versionsNeeded: [{ library: "libc.so.6", versions }],
    });
    expect(describeLibraries(result, context)).toMatchObject({
      code: "DEVENV_TOOLCHAIN_LIBC",
      message:
        "python 3.11.9 is built for newer libraries than the base debian/bullseye has:\n" +
        "  /usr/bin/python needs GLIBC_2.34 of libc.so.6; /usr/lib/x86_64-linux-gnu/libc.so.6 has up to GLIBC_2.31",
      hint: "Ask for python 3.9. Or take bookworm as base.",
    });
  });

  test("another C library", () => {
    const error = describeLibraries(check(alpine, { needed: ["libc.so.6"] }), context);
    expect(error).toMatchObject({
      code: "DEVENV_TOOLCHAIN_LIBC",
      message:
        "python 3.11.9 is built for glibc, which is not the C library of the base debian/bullseye:\n" +
        "  /usr/bin/python is loaded by /lib64/ld-linux-x86-64.so.2",
    });
  });

  test("another C library, for modules, which name no loader", () => {
    const needed = ["libc.so.6"];
    const versionsNeeded = [{ library: "libc.so.6", versions: ["GLIBC_2.17"] }];
    const module = library("opt/t/module.so", { needed, versionsNeeded });
    const layers = [alpine, layerOf(module)];
    const result = checkLibraries({ layers, toolchain: [1], architecture: "amd64" });
    expect(describeLibraries(result, context)).toMatchObject({
      code: "DEVENV_TOOLCHAIN_LIBC",
      message:
        "python 3.11.9 is built for glibc, which is not the C library of the base debian/bullseye:\n" +
        "  /opt/t/module.so needs GLIBC_2.17",
    });
  });

  test("a toolchain for musl on a base with glibc", () => {
    const result = check(debian, {
      interpreter: "/lib/ld-musl-x86_64.so.1",
      needed: ["libc.musl-x86_64.so.1"],
    });
    expect(describeLibraries(result, context)?.message).toContain("is built for musl, which");
  });

  test("another library that is too old, by the same series of versions", () => {
    const needed = ["libc.so.6"];
    const versionsNeeded = [{ library: "libc.so.6", versions: ["GLIBC_ABI_DT_RELR"] }];
    const message = describeLibraries(check(debian, { needed, versionsNeeded }), context)?.message;
    expect(message).toMatch(/needs GLIBC_ABI_DT_RELR of libc\.so\.6; \S+ has up to GLIBC_2\.31$/);
  });

  test("libraries that no package brings, by file and name", () => {
    const needed = ["libssl.so.1.1", "libffi.so.7", "libz.so.1"];
    const result = check(debian, { needed });
    expect(describeLibraries(result, { ...context, packaged: new Set(["libffi.so.7"]) })).toMatchObject({
      code: "DEVENV_TOOLCHAIN_LIBRARIES",
      message:
        "python 3.11.9 needs libraries that neither the base debian/bullseye nor a package of it has:\n" +
        "  /usr/bin/python needs libssl.so.1.1",
      hint: "Ask for python 3.9. Or take bookworm as base.",
    });
    const all = new Set(["libffi.so.7", "libssl.so.1.1"]);
    expect(describeLibraries(result, { ...context, packaged: all })).toBeUndefined();
  });

  test("many lines are cut short", () => {
    const needed = Array.from({ length: 14 }, (_, index) => `libnone${index}.so`);
    const message = describeLibraries(check(debian, { needed }), context)?.message ?? "";
    expect(message.split("\n")).toHaveLength(12);
    expect(message).toMatch(/\n {2}and 4 more$/);
  });
});
