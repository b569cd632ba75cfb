import { describe, expect, test } from "vitest";
import { readStatus, systemOf } from "../../../src/sources/debian/index.ts";
import { indexOf } from "./solver-index.ts";

const stanza = (name: string, more: Readonly<Record<string, string>> = {}): string =>
  Object.entries({
    Package: name,
    Status: "install ok installed",
    Architecture: "amd64",
    Version: "1",
    ...more,
  })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");

function read(...stanzas: string[]) {
  return readStatus(stanzas.join("\n"), { architecture: "amd64", name: "image:1" });
}

describe("dpkg's list of what is installed", () => {
  test("is read with all that decides what can be installed beside it", () => {
    const fields = {
      Version: "1:2.3-4",
      "Multi-Arch": "same",
      Essential: "yes",
      Priority: "required",
      "Pre-Depends": "pre",
      Depends: "a (>= 1),\n b | c",
      Conflicts: "x",
      Breaks: "y",
      Provides: "z (= 1)",
      Conffiles: "\n /etc/a 0123\n /etc/b 4567",
      Description: "a package\n of several lines\n .\n Status: none",
    };
    expect(read(stanza("libone", fields))).toEqual([
      {
        held: false,
        record: expect.objectContaining({
          name: "libone",
          version: "1:2.3-4",
          architecture: "amd64",
          multiArch: "same",
          essential: true,
          priority: "required",
          preDepends: "pre",
          depends: "a (>= 1),\n b | c",
          conflicts: "x",
          breaks: "y",
          provides: "z (= 1)",
          sha256: "",
          path: "",
        }),
      },
    ]);
  });

  test.each([
    ["install ok installed", true, false],
    ["hold ok installed", true, true],
    ["deinstall ok installed", true, false],
    ["install ok triggers-pending", true, false],
    ["install ok triggers-awaited", true, false],
    ["deinstall ok config-files", false, false],
    ["purge ok not-installed", false, false],
    ["unknown ok not-installed", false, false],
  ])("%s: is it installed, is it on hold?", (Status, isInstalled, isHeld) => {
    const found = read(stanza("one", { Status }), stanza("two"));
    expect(found.map(({ record }) => record.name)).toEqual(isInstalled ? ["one", "two"] : ["two"]);
    expect(found[0]?.held).toBe(isHeld);
  });

  test.each([
    ["install ok half-installed", "one is half-installed"],
    ["install ok unpacked", "one is unpacked"],
    ["install ok half-configured", "one is half-configured"],
    ["hold ok half-configured", "one is half-configured"],
    ["install reinstreq installed", "one has to be installed again"],
    ["deinstall reinstreq config-files", "one is config-files"],
    ["", "one has no state"],
    ["install ok surprising", "one is surprising"],
  ])("%s is refused by name", (Status, reason) => {
    expect(() => read(stanza("two"), stanza("one", { Status }))).toThrow(
      expect.objectContaining({
        code: "DEVENV_BASE_PACKAGES",
        message: `image:1: packages cannot be installed on top of what dpkg has there:\n  ${reason}`,
      }),
    );
  });

  test.each([
    ["a foreign architecture", stanza("one", { Architecture: "i386" }), "one is installed for i386"],
    ["a name that is none", stanza("../one"), '"../one" is no name of a package'],
    ["a version that is none", stanza("one", { Version: "1 --help" }), "one has no version"],
    ["a package twice", stanza("two"), "two stands there twice"],
  ])("%s is refused", (_, text, reason) => {
    expect(() => read(stanza("two"), text)).toThrow(reason);
  });

  test("several problems are all told, many are counted", () => {
    const broken = Array.from({ length: 7 }, (_, number) =>
      stanza(`p${number}x`, { Status: "install ok unpacked" }),
    );
    expect(() => read(...broken)).toThrow(/p0x is unpacked\n {2}p1x.*and 2 more$/s);
  });

  test("what is no list is refused", () => {
    expect(() => read("this is no stanza")).toThrow(
      expect.objectContaining({ code: "DEVENV_ARCHIVE_MALFORMED" }),
    );
  });
});

describe("a system", () => {
  test("has versions that the index lists as the index's own, and others beside them", () => {
    const index = indexOf({ "listed 1": {}, "older 2": { Provides: "virtual" } });
    const status = [
      stanza("listed"),
      stanza("older", { Provides: "virtual" }),
      stanza("own", { Provides: "virtual" }),
    ];
    const { index: both, installed } = systemOf("bookworm", index, read(...status));
    expect(installed[0]).toBe(index.byName("listed")[0]);
    expect(both.byName("listed")).toBe(index.byName("listed"));
    expect(both.byName("older").map(({ version }) => version)).toEqual(["2", "1"]);
    expect(both.byName("own")).toEqual([installed[2]]);
    expect(both.providers("virtual").map(({ name, version }) => `${name} ${version}`)).toEqual([
      "older 2",
      "older 1",
      "own 1",
    ]);
    expect(both.byName("own")).toBe(both.byName("own"));
    expect(both.byName("none")).toEqual([]);
  });
});
