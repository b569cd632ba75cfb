import { relative } from "node:path";
import { readContents } from "../../build/contents.ts";
import { findRubbish, sweepLeftovers } from "../../build/sweep.ts";
import type { Digest } from "../../lock/index.ts";
import type { Store } from "../../store/index.ts";
import { findRoots } from "../gc/roots.ts";
import type { Observer } from "../observer.ts";
import { findDamage } from "./find-damage.ts";
import type { StoreDamage, StoreFinding } from "./finding.ts";
import { mend } from "./mend.ts";

export interface VerifyStoreOptions {
  readonly observer: Observer;
  /** Only say what is damaged. */
  readonly dryRun?: boolean;
}

export interface StoreVerification {
  readonly blobs: number;
  readonly layers: number;
  readonly damage: readonly StoreDamage[];
  /** Layers that could not be checked, because what made them did not record enough. */
  readonly unknownLayers: readonly Digest[];
  /** Paths of what killed commands left, which was swept up unless this is a dry run. */
  readonly leftovers: readonly string[];
}

/**
 * Checks the store: each blob against its digest, the files of each layer against its diffID, and what records and
 * images refer to. What is damaged is taken away, so that it is made again; leftovers are swept up.
 */
export async function verifyStore(store: Store, options: VerifyStoreOptions): Promise<StoreVerification> {
  const { dryRun = false, observer } = options;
  const leftovers = (await findRubbish(store)).map(({ path }) => relative(store.root, path));
  if (!dryRun) await sweepLeftovers(store);
  const contents = await readContents(store);
  const { findings, unknownLayers } = await findDamage(store, contents, observer);
  const unmended = (finding: StoreFinding): StoreDamage => ({
    ...finding,
    isMended: false,
    outcome: "left as it is",
  });
  const mended = dryRun
    ? findings.map(unmended)
    : findings.length > 0
      ? await mend(store, findings, contents)
      : [];
  const { unclear } = await findRoots(store);
  const environments = unclear.map(
    (id): StoreDamage => ({
      kind: "environment",
      path: `environments/${id}`,
      problem: "its state is damaged",
      isMended: false,
      outcome: `\`devenv up\` in its project mends it, home and volumes stay; or devenv rm ${id}`,
    }),
  );
  return {
    blobs: contents.blobs.length,
    layers: contents.layers.length,
    damage: [...mended, ...environments],
    unknownLayers,
    leftovers,
  };
}
