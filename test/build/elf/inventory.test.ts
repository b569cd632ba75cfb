import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { layerInventory, makeInventory } from "../../../src/build/elf/index.ts";
import type { Digest } from "../../../src/lock/index.ts";
import { openStore, type Store } from "../../../src/store/index.ts";
import { elfOf } from "./elf-bytes.ts";

const diffID: Digest = `sha256:${"ab".repeat(32)}`;

let store: Store;

beforeAll(async () => {
  store = await openStore(await mkdtemp(join(tmpdir(), "devenv-test-")));
});

afterAll(() => rmSync(store.root, { recursive: true, force: true }));

beforeEach(() => {
  for (const path of [store.layerPath(diffID), join(store.root, "elf", `${"ab".repeat(32)}.json`)])
    rmSync(path, { recursive: true, force: true });
});

function write(path: string, content: string | Buffer): void {
  const file = join(store.layerPath(diffID), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

describe("the inventory of a layer", () => {
  test("has what libraries depend on, and not the rest", async () => {
    write("usr/lib/libmade.so.1", elfOf({ soname: "libmade.so.1", needed: ["libc.so.6"] }));
    write("usr/lib/broken.so", "\u007fELF but nothing more");
    write("usr/lib/libscript.so", "INPUT(libmade.so.1)");
    write("usr/share/doc/README", "text");
    symlinkSync("libmade.so.1", join(store.layerPath(diffID), "usr/lib/libmade.so"));
    symlinkSync("/etc", join(store.layerPath(diffID), "outside"));
    const { entries } = await layerInventory(store, diffID);
    expect([...entries].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { kind: "directory", path: "" },
      { kind: "link", path: "outside", target: "/etc" },
      { kind: "directory", path: "usr" },
      { kind: "directory", path: "usr/lib" },
      { kind: "other", path: "usr/lib/broken.so", reason: expect.any(String) },
      { kind: "link", path: "usr/lib/libmade.so", target: "libmade.so.1" },
      {
        kind: "elf",
        path: "usr/lib/libmade.so.1",
        facts: {
          bits: 64,
          littleEndian: true,
          machine: 62,
          type: 3,
          soname: "libmade.so.1",
          needed: ["libc.so.6"],
        },
      },
      { kind: "other", path: "usr/lib/libscript.so" },
      { kind: "directory", path: "usr/share" },
      { kind: "directory", path: "usr/share/doc" },
    ]);
  });

  test("is made once, and again when the file that keeps it is spoilt", async () => {
    write("lib/libmade.so", elfOf({ soname: "libmade.so" }));
    const first = await layerInventory(store, diffID);
    rmSync(store.layerPath(diffID), { recursive: true });
    expect(await layerInventory(store, diffID)).toEqual(first);
    write("lib/libother.so", elfOf({ soname: "libother.so" }));
    const file = join(store.root, "elf", `${"ab".repeat(32)}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o644 & ~process.umask());
    for (const content of ["", readFileSync(file, "utf8").slice(0, -1), '{"format":0,"entries":[]}']) {
      writeFileSync(file, content);
      const again = await layerInventory(store, diffID);
      expect(again.entries.map(({ path }) => path)).toContain("lib/libother.so");
    }
  });

  test("takes a file that may not be read for one that cannot be loaded", async () => {
    write("lib/libmade.so", elfOf({ soname: "libmade.so" }));
    write("lib/fifo.so", "");
    chmodSync(join(store.layerPath(diffID), "lib/libmade.so"), 0);
    const { entries } = await makeInventory(store, `layers/${"ab".repeat(32)}`);
    const made = entries.find(({ path }) => path === "lib/libmade.so");
    // Root may read everything.
    expect(made?.kind).toBe(process.getuid?.() === 0 ? "elf" : "other");
    expect(entries.find(({ path }) => path === "lib/fifo.so")).toEqual({
      kind: "other",
      path: "lib/fifo.so",
    });
  });

  test("of a layer that is not there is refused", async () => {
    await expect(layerInventory(store, diffID)).rejects.toMatchObject({ code: "DEVENV_LIST_FAILED" });
  });
});
