import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { timed } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import type { Digest, LockedLayer } from "../lock/index.ts";
import { packLayer, removePaths } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { type CommandStep, commandTitle, isRepeated } from "./command-plan.ts";
import { runCommand } from "./command-run.ts";
import type { CommandGround, CommandOptions } from "./command-types.ts";
import { isThere, keepLayer, writeOut } from "./layer.ts";
import { describeDifferences, layerDifferences } from "./layer-differences.ts";
import { once } from "./once.ts";
import { placeInputs } from "./place-inputs.ts";
import { pulledKey } from "./plan.ts";
import type { BuildProgress } from "./progress.ts";
import { forgetRecord, type StepRecord, writeRecord } from "./record.ts";
import type { BuildOptions } from "./step.ts";
import { makeLayerDirectory, makeWorkplace, type Workplace } from "./workplace.ts";

/**
 * Runs a command and keeps what it changes as a layer, unless another process has just done so.
 *
 * @throws DevenvError `DEVENV_STEP_FAILED` with the end of the output, `DEVENV_STEP_DIFFERS` when it gave something else
 * than the lock records.
 */
export async function buildCommand(
  store: Store,
  step: CommandStep,
  ground: CommandGround,
  options: BuildOptions & { readonly commands: CommandOptions },
): Promise<StepRecord> {
  const { cacheKey, command } = step;
  const { commands, onProgress } = options;
  const name = commandTitle(command.name);
  if (isRepeated(step, commands)) await forgetRecord(store, cacheKey);
  return await once(store, { name, cacheKey }, onProgress, async (report) => {
    const workplace = await makeWorkplace(store, "layer");
    try {
      const record = await make(store, step, ground, options, { report, workplace });
      await keepLayer(store, workplace.layer, record.diffID);
      // One more lock may record another result of the same command: each finds its own by its diffID.
      await writeRecord(store, pulledKey(record), record);
      return record;
    } finally {
      await removePaths(store.root, [workplace.layer, workplace.scratch]);
    }
  });
}

/** @throws DevenvError `DEVENV_STEP_DIFFERS` unless the result is the recorded one, or may be another. */
export async function checkResult(
  store: Store,
  { command, epoch, index }: CommandStep,
  recorded: LockedLayer | undefined,
  built: { readonly diffID: Digest; readonly path: string },
  { commands, onProgress }: BuildOptions & { readonly commands: CommandOptions },
): Promise<void> {
  if (recorded === undefined || recorded.diffID === built.diffID) return;
  const old = store.layerPath(recorded.diffID);
  const found = (await isThere(old))
    ? await layerDifferences({
        before: { store, path: old },
        after: { store, path: built.path },
        epoch,
      })
    : undefined;
  const title = commandTitle(command.name);
  const details =
    found === undefined
      ? ["what it gave then is not in this store, so the files cannot be compared"]
      : describeDifferences(found);
  if (commands.update === true) {
    const text = [`${title}: gives another layer than the recorded one`, ...details].join("\n  ");
    onProgress?.({ phase: "note", step: title, text });
    return;
  }
  throw new DevenvError(
    "DEVENV_STEP_DIFFERS",
    [
      `the ${title} does not give the layer that devenv.lock records`,
      `recorded ${recorded.diffID}`,
      `built    ${built.diffID}`,
      ...details,
    ].join("\n  "),
    {
      about: [`layers[${index}]`],
      hint: [
        command.network === true
          ? "What it fetched has changed. Name exact versions in the command, or"
          : "The command gives something else each time: a time, a random number, an order. Mend that, or",
        "accept what it gives here: devenv build --update-layers, and commit devenv.lock.",
      ].join("\n"),
    },
  );
}

interface Making {
  readonly workplace: Workplace;
  readonly report: (progress: BuildProgress) => void;
}

async function make(
  store: Store,
  step: CommandStep,
  ground: CommandGround,
  options: BuildOptions & { readonly commands: CommandOptions },
  { report, workplace }: Making,
): Promise<StepRecord> {
  const { command, epoch, index } = step;
  const name = commandTitle(command.name);
  const target = join(store.root, workplace.scratch, "inputs");
  await Promise.all([makeLayerDirectory(store, workplace), mkdir(target)]);
  if (options.directory === undefined) throw new Error("Assertion failed: a command belongs to a project");
  const place = `layers[${index}]`;
  const files = await timed(`${name}: inputs`, () =>
    placeInputs(command, { root: options.directory ?? "", target, epoch, place }),
  );
  report({ phase: "run", step: name });
  await timed(`${name}: run`, () =>
    runCommand(store, step, ground, {
      ...options.commands,
      emulator: options.emulator,
      files,
      report,
      workplace,
    }),
  );
  // The mount point of the project, made by the sandbox: environments have their own.
  await removePaths(store.root, [`${workplace.layer}/workspaces`]);
  report({ phase: "pack", step: name });
  const [packed] = await Promise.all([
    packLayer({ store: store.root, root: workplace.layer, epoch }),
    writeOut(store),
  ]);
  const path = join(store.root, workplace.layer);
  await checkResult(store, step, ground.recorded, { diffID: packed.diffID, path }, options);
  return { diffID: packed.diffID, size: packed.size, epoch };
}
