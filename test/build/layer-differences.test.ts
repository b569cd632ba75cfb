import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeDifferences, layerDifferences } from "../../src/build/layer-differences.ts";
import { removePaths, unpackLayer } from "../../src/sandbox/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { sha256Of, type TarEntry, tarOf } from "../support/archives.ts";

const epoch = 1_700_000_000;
let store: Store;
beforeAll(async () => {
  store = await openStore(mkdtempSync(join(tmpdir(), "devenv-differences-")));
});
afterAll(async () => {
  await removePaths(store.root, ["layers"]);
  rmSync(store.root, { recursive: true, force: true });
});

async function unpack(entries: readonly TarEntry[]): Promise<string> {
  const tar = tarOf(entries);
  const digest = sha256Of(tar);
  const file = join(store.root, "tmp", digest);
  writeFileSync(file, tar);
  const path = store.layerPath(`sha256:${digest}`);
  if (existsSync(path)) return path;
  await unpackLayer({
    store: store.root,
    root: path.slice(store.root.length + 1),
    input: createReadStream(file),
    digest: `sha256:${digest}`,
    size: tar.length,
    compression: "none",
    diffID: `sha256:${digest}`,
  } as Parameters<typeof unpackLayer>[0]);
  return path;
}

async function compare(before: readonly TarEntry[], after: readonly TarEntry[]): Promise<string[]> {
  const [old, now] = [await unpack(before), await unpack(after)];
  return describeDifferences(
    await layerDifferences({ before: { store, path: old }, after: { store, path: now }, epoch }),
  );
}

/** Later than an image's time, which stands for all that is later. */
const same: TarEntry = { name: "etc/same", content: "same\n", mtime: epoch + 1 };

test("layers that are alike", async () => {
  expect(
    await compare(
      [same],
      [
        { ...same, mtime: epoch + 5 },
        { name: "x/", type: "5" },
      ],
    ),
  ).toEqual(["/x: added"]);
});

test("every kind of difference, in its own words", async () => {
  expect(
    await compare(
      [
        same,
        { name: "gone", content: "" },
        { name: "mode", content: "", mode: 0o755 },
        { name: "owner", content: "", uid: 0, gid: 0 },
        { name: "time", content: "", mtime: epoch - 60 },
        { name: "link", type: "2", link: "here" },
        { name: "kind", content: "" },
        { name: "text", content: "one\ntwo\nthree\n" },
        { name: "bytes", content: Buffer.from([0, 1, 2]) },
      ],
      [
        same,
        { name: "new", content: "" },
        { name: "mode", content: "", mode: 0o700 },
        { name: "owner", content: "", uid: 5, gid: 6 },
        { name: "time", content: "", mtime: epoch - 30 },
        { name: "link", type: "2", link: "there" },
        { name: "kind", type: "5" },
        { name: "text", content: "one\n2\nthree\n" },
        { name: "bytes", content: Buffer.from([0, 1, 3, 4]) },
      ],
    ),
  ).toEqual([
    "/bytes: size 3 → 4, content",
    "/gone: removed",
    "/kind: type file → directory",
    "/link: link here → there",
    "/mode: mode 755 → 700",
    "/new: added",
    "/owner: owner 0:0 → 5:6",
    '/text: size 14 → 12, content, line 2: "two" → "2"',
    "/time: time 2023-11-14T22:12:20Z → 2023-11-14T22:12:50Z",
  ]);
});

test("a layer that is not there is an error, not an end of the program", async () => {
  const before = { store, path: await unpack([same]) };
  const after = { store, path: store.layerPath(`sha256:${"0".repeat(64)}`) };
  await expect(layerDifferences({ before, after, epoch })).rejects.toMatchObject({
    code: "DEVENV_PACK_FAILED",
  });
});
