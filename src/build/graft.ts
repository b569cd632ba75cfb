import { relative } from "node:path";
import { Readable } from "node:stream";
import { timed } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import type { LockedToolchain } from "../lock/index.ts";
import { graftArchive, packLayer, removePaths } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { counted } from "./counted.ts";
import { type Graft, unlimitedEpoch } from "./graft-plan.ts";
import { keepLayer, writeOut } from "./layer.ts";
import { once } from "./once.ts";
import { archivesOf, type PartArchive } from "./part-archives.ts";
import type { BuildProgress } from "./progress.ts";
import type { StepRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";

/**
 * Makes the layer of a toolchain straight from compressed archives: what does not belong to it is not written
 * anywhere.
 *
 * @throws DevenvError `DEVENV_TOOLCHAIN_EMPTY` when an archive has nothing where the toolchain should be,
 * `DEVENV_NPM_INTEGRITY` when a registry has another package than the lock, and what downloading and verifying throw.
 */
export async function buildGraft(store: Store, graft: Graft, options: BuildOptions): Promise<StepRecord> {
  return await once(store, graft, options.onProgress, async (report) => {
    const place = relative(store.root, await store.temporaryPath(`graft-${graft.name}`, "layers"));
    try {
      await timed(`${graft.name}: graft`, () => lay(store, graft.toolchain, place, options, report));
      report({ phase: "pack", step: graft.name });
      const [{ diffID, size }] = await Promise.all([
        packLayer({ store: store.root, root: place, epoch: unlimitedEpoch }),
        writeOut(store),
      ]);
      await keepLayer(store, place, diffID);
      return { diffID, size, epoch: unlimitedEpoch };
    } finally {
      await removePaths(store.root, [place]);
    }
  });
}

/** One archive over the other. */
async function lay(
  store: Store,
  toolchain: LockedToolchain,
  place: string,
  options: BuildOptions,
  report: (progress: BuildProgress) => void,
): Promise<void> {
  const progress = { bytes: 0, files: 0 };
  const archives = toolchain.parts.flatMap((part) => archivesOf(store, part, options.directory));
  const totalBytes = archives.reduce((sum, { expected }) => sum + (expected.size ?? 0), 0);
  const taken = new Map<PartArchive["part"], number>();
  for (const archive of archives) {
    const onBytes = (bytes: number): void => {
      const now = progress.bytes + bytes;
      const total = { totalBytes: Math.max(now, totalBytes), totalFiles: archives.length };
      report({
        phase: "download",
        step: toolchain.language,
        download: { ...progress, bytes: now, ...total },
      });
    };
    const { bytes, entries } = await layArchive(store, archive, place, onBytes, options.signal);
    progress.bytes += bytes;
    progress.files++;
    taken.set(archive.part, (taken.get(archive.part) ?? 0) + entries);
  }
  for (const [part, entries] of taken) if (entries === 0) throw empty(toolchain, part);
}

async function layArchive(
  store: Store,
  { expected, open, otherwise, part, title }: PartArchive,
  place: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<{ bytes: number; entries: number }> {
  let bytes = 0;
  const note = (received: number): void => {
    bytes = received;
    onBytes(received);
  };
  const stream = await open(signal);
  const input = Readable.from(counted(stream, note), { objectMode: false });
  const { executables = [], links = {}, maps } = part;
  const placed = { store: store.root, root: place, executables, links, maps };
  try {
    const { entries } = await graftArchive({ ...placed, ...expected, input, ...(signal && { signal }) });
    return { bytes, entries };
  } catch (cause) {
    if (!(cause instanceof DevenvError)) throw cause;
    const message = `${title}: ${cause.message}`;
    if (cause.code === "DEVENV_GRAFT_FAILED") throw new DevenvError(cause.code, message, { cause });
    if (cause.code !== "DEVENV_LAYER_TRANSFER") throw cause;
    throw new DevenvError(otherwise?.code ?? cause.code, message, { ...otherwise, cause });
  } finally {
    stream.destroy();
  }
}

function empty({ language, version }: LockedToolchain, part: PartArchive["part"]): DevenvError {
  const places = part.maps.map(({ from }) => from).join(", ");
  const what = part.kind === "image" ? part.reference : `${part.kind} ${part.path}`;
  return new DevenvError(
    "DEVENV_TOOLCHAIN_EMPTY",
    `${language} ${version}: ${what} has nothing at ${places}, where the toolchain should be`,
    { hint: 'This is not laid out like the official one. Another "source" may have it.' },
  );
}
