import type { LockedLayer, LockedPlatform, Platform } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { type CommandStep, commandTitle, isRepeated, planCommand, recordedLayers } from "./command-plan.ts";
import type { CommandOptions } from "./command-types.ts";
import { readKnownLayer } from "./known-layer.ts";
import type { BuiltLayer } from "./oci.ts";
import { readRecord, type StepRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";

/** An image that lacks the layers of its commands. */
export interface Unfinished {
  readonly store: Store;
  readonly platform: Platform;
  readonly locked: LockedPlatform;
  readonly options: BuildOptions;
  /** The lowest first. */
  readonly layers: readonly BuiltLayer[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * The layers of the configuration's commands, found or built, the lowest first.
 *
 * @throws what building one of them throws, and `DEVENV_STEP_DIFFERS` when the store has another result of a command
 * than the lock records.
 */
export async function commandLayers(image: Unfinished): Promise<BuiltLayer[]> {
  const { layers, locked, options, platform } = image;
  if (locked.layers === undefined) return [];
  const { commands } = options;
  if (commands === undefined) throw new Error("Assertion failed: nobody said how commands are run");
  const made: BuiltLayer[] = [];
  for (const index of locked.layers.keys()) {
    const ground = { ...image, layers: [...layers, ...made] };
    const below = ground.layers.map(({ diffID }) => diffID);
    const step = planCommand(platform, locked, index, below, commands.workspace);
    const { diffID, size } = await findOrBuild(step, ground, { ...options, commands });
    const { name, network } = step.command;
    const layer = { step: "layer", name, cacheKey: step.cacheKey, diffID, size };
    made.push(network === true ? { ...layer, network } : layer);
  }
  return made;
}

type Options = BuildOptions & { readonly commands: CommandOptions };

async function findOrBuild(
  step: CommandStep,
  { layers, locked, platform, store, variables }: Unfinished,
  options: Options,
): Promise<StepRecord> {
  const { commands, onProgress } = options;
  const recorded = recordedLayers(locked).find(({ cacheKey }) => cacheKey === step.cacheKey);
  const known = isRepeated(step, commands) ? undefined : await findKnown(store, step, recorded, options);
  if (known !== undefined) return known;
  const reason = await commands.reason?.(step);
  const title = commandTitle(step.command.name);
  if (reason !== undefined) onProgress?.({ phase: "note", step: title, text: `${title}: ${reason}` });
  const [{ buildCommand }, { findEmulator }] = await Promise.all([
    import("./command-step.ts"),
    import("../sandbox/index.ts"),
  ]);
  const emulator = options.emulator ?? (await findEmulator(platform));
  const below = layers.map(({ diffID }) => diffID);
  const { toolchains = [] } = locked;
  const ground = { below, variables, toolchains, recorded };
  return await buildCommand(store, step, ground, { ...options, emulator });
}

/** What the lock records, else what was built here, which is then to be the same. */
async function findKnown(
  store: Store,
  step: CommandStep,
  recorded: LockedLayer | undefined,
  options: Options,
): Promise<StepRecord | undefined> {
  const known = recorded && (await readKnownLayer(store, recorded));
  if (known !== undefined) return known;
  const record = await readRecord(store, step.cacheKey);
  if (record === undefined || recorded === undefined) return record;
  const { checkResult } = await import("./command-step.ts");
  await checkResult(
    store,
    step,
    recorded,
    { diffID: record.diffID, path: store.layerPath(record.diffID) },
    options,
  );
  return record;
}
