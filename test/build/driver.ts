// One call of the build's door, as the user and in the circumstances that this process has:
// node driver.mjs FUNCTION, with the arguments as JSON on standard input. Phases of a build go to standard error, one a line, as they begin.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { buildGraft } from "../../src/build/graft.ts";
import { planGrafts } from "../../src/build/graft-plan.ts";
import { buildImage } from "../../src/build/index.ts";
import { layerDifferences } from "../../src/build/layer-differences.ts";
import { parseConfiguration } from "../../src/config/index.ts";
import { DevenvError } from "../../src/errors.ts";
import type { Digest, LockedPlatform, Platform } from "../../src/lock/index.ts";
import { resolveLock } from "../../src/resolve/index.ts";
import { type Emulator, packLayer, removePaths } from "../../src/sandbox/index.ts";
import { openIndexes, resolveMirrors } from "../../src/sources/debian/index.ts";
import { openStore } from "../../src/store/index.ts";

const platform: Platform = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;

const functions = {
  /** What bookworm with these packages is today. */
  async lock(root: string, packages: readonly string[]): Promise<LockedPlatform | undefined> {
    const text = JSON.stringify({
      name: "tested",
      base: "bootstrap:debian/bookworm",
      platforms: [platform],
      packages,
    });
    const architecture = platform.replace("linux/", "");
    const indexes = await openIndexes("bookworm", [architecture], {
      store: await openStore(root),
      mirrors: resolveMirrors(),
    });
    const byPlatform = new Map([...indexes.values()].map((index) => [platform, index]));
    return resolveLock(parseConfiguration(text, "devenv.jsonc"), byPlatform).platforms[platform];
  },

  async build(root: string, locked: LockedPlatform, chosen: Platform = platform, emulator?: Emulator) {
    let last = "";
    const { digest, layers } = await buildImage(await openStore(root), chosen, locked, {
      mirrors: resolveMirrors(),
      emulator,
      onProgress: ({ phase, step }) => {
        const now = `${step} ${phase}`;
        if (now !== last) writeSync(2, `${now}\n`);
        last = now;
      },
    });
    return { digest, layers };
  },

  /** The layer of the first toolchain alone. */
  async graft(root: string, locked: LockedPlatform) {
    const [first] = planGrafts(locked);
    if (first === undefined) throw new Error("nothing to graft");
    return await buildGraft(await openStore(root), first, { mirrors: resolveMirrors() });
  },

  async pack(root: string, diffID: Digest, epoch: number, file: string) {
    const store = await openStore(root);
    const output = openSync(file, "w");
    try {
      return await packLayer({
        store: root,
        root: store.layerPath(diffID).slice(root.length + 1),
        epoch,
        output,
      });
    } finally {
      closeSync(output);
    }
  },

  /** In what two layers of two stores differ. */
  async differences(root: string, diffID: Digest, otherRoot: string, other: Digest, epoch: number) {
    const [store, otherStore] = [await openStore(root), await openStore(otherRoot)];
    const before = { store, path: store.layerPath(diffID) };
    return await layerDifferences({
      before,
      after: { store: otherStore, path: otherStore.layerPath(other) },
      epoch,
    });
  },

  async empty(root: string): Promise<void> {
    await removePaths(root, readdirSync(root));
  },
};

const [name = ""] = process.argv.slice(2);
const call = (functions as Record<string, (...values: never[]) => Promise<unknown>>)[name];
if (call === undefined) throw new Error(`no function ${name}`);
try {
  const result = await call(...(JSON.parse(readFileSync(0, "utf8")) as never[]));
  writeSync(1, JSON.stringify({ result }));
} catch (error) {
  if (!(error instanceof DevenvError)) throw error;
  const { code, message, hint } = error;
  writeSync(1, JSON.stringify({ error: { code, message, hint } }));
  process.exitCode = 1;
}
