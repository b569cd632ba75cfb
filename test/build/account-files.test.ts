import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAccountFiles } from "../../src/build/account-files.ts";
import type { Digest } from "../../src/lock/index.ts";
import { removePaths, unpackLayer } from "../../src/sandbox/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { sha256Of, type TarEntry, tarOf } from "../support/archives.ts";

let directory: string;
let store: Store;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "devenv-accounts-"));
  store = await openStore(directory);
});
afterAll(async () => {
  await removePaths(
    directory,
    readdirSync(join(directory, "layers")).map((name) => `layers/${name}`),
  );
  rmSync(directory, { recursive: true });
});

const etc: TarEntry = { name: "etc/", type: "5" };
const lower: readonly TarEntry[] = [
  { name: "bin/", type: "5" },
  { name: "bin/sh", content: "sh" },
  etc,
  { name: "etc/group", content: "old group" },
  { name: "etc/passwd", content: "old passwd" },
  { name: "usr/", type: "5" },
  { name: "usr/etc/", type: "5" },
  { name: "usr/etc/passwd", content: "somewhere else" },
];

async function read(...layers: readonly (readonly TarEntry[])[]) {
  const diffIDs: Digest[] = [];
  for (const entries of layers) diffIDs.push(await unpack(tarOf(entries)));
  return readAccountFiles(store, diffIDs);
}

async function unpack(tar: Buffer): Promise<Digest> {
  const hex = sha256Of(tar);
  const digest = `sha256:${hex}` as const;
  if (!readdirSync(join(directory, "layers")).includes(hex)) {
    await unpackLayer({
      store: directory,
      root: `layers/${hex}`,
      digest,
      size: tar.length,
      diffID: digest,
      compression: "none",
      input: Readable.from([tar], { objectMode: false }),
    });
  }
  return digest;
}

describe("the files of accounts", () => {
  test("come from the uppermost layer that has them", async () => {
    expect(await read(lower)).toEqual({ passwd: "old passwd", group: "old group" });
    expect(await read(lower, [etc, { name: "etc/passwd", content: "new" }])).toEqual({
      passwd: "new",
      group: "old group",
    });
  });

  test.each<[string, readonly TarEntry[], string]>([
    ["itself", [etc, { name: "etc/.wh.passwd" }], "old group"],
    ["with the directory", [{ name: ".wh.etc" }], ""],
    ["with what was in the directory", [etc, { name: "etc/.wh..wh..opq" }], ""],
    ["with everything", [{ name: ".wh..wh..opq" }, etc], ""],
  ])("are gone when an upper layer removes one %s", async (_, upper, group) => {
    expect(await read(lower, upper)).toEqual({ passwd: "", group });
  });

  test("are looked for without changing anything", async () => {
    const late: readonly TarEntry[] = [
      { ...etc, mtime: 3_000_000_000 },
      { name: "etc/passwd", content: "late", mtime: 3_000_000_000 },
    ];
    await read(late);
    const layer = join(directory, "layers", sha256Of(tarOf(late)), "etc");
    for (const path of [layer, join(layer, "passwd")]) expect(statSync(path).mtimeMs).toBe(3_000_000_000_000);
  });

  test("are empty where there are none", async () => {
    expect(await read([{ name: "bin/", type: "5" }])).toEqual({ passwd: "", group: "" });
  });

  test.each<[string, readonly TarEntry[]]>([
    ["a link to the directory", [{ name: "etc", type: "2", link: "/usr/etc" }]],
    ["a link to one", [etc, { name: "etc/passwd", type: "2", link: "/usr/etc/passwd" }]],
    ["one without end", [etc, { name: "etc/passwd", content: Buffer.alloc(2 * 1024 * 1024) }]],
  ])("are left alone when there is %s", async (_, upper) => {
    expect(await read(lower, upper)).toBeUndefined();
  });
});
