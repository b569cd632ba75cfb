import type { Digest, LockedCommand, LockedLayer, LockedPlatform, Platform } from "../lock/index.ts";
import { digestOf, layerFormat } from "./cache-key.ts";
import { stepEnvironment } from "./scripts.ts";
import { imageVariables } from "./variables.ts";

/** A command of the configuration that is to become a layer, with everything that decides it. */
export interface CommandStep {
  /** Place in the lock. */
  readonly index: number;
  readonly command: LockedCommand;
  readonly epoch: number;
  readonly cacheKey: Digest;
}

/**
 * The command at this place of a platform's list.
 *
 * @param below diffIDs of all layers below it, the lowest first: what a command gives by way of the network may change
 * although nothing else does, and those above it are then to be run again.
 * @param workspace where it runs: absolute path inside.
 */
export function planCommand(
  platform: Platform,
  locked: LockedPlatform,
  index: number,
  below: readonly Digest[],
  workspace: string,
): CommandStep {
  const command = locked.layers?.[index];
  if (command === undefined) throw new Error(`Assertion failed: the lock has a command ${index}`);
  const cacheKey = commandKey(platform, locked, command, below, workspace);
  return { index, command, epoch: locked.epoch, cacheKey };
}

/**
 * The cache key of a command's layer. What it is called does not count, nor which of its patterns an input came by. All
 * of it stands in the lock: the variables of an image as base are those of its configuration, which has a digest.
 */
function commandKey(
  platform: Platform,
  { base, epoch, toolchains = [] }: LockedPlatform,
  { env, inputs, network, run }: LockedCommand,
  parents: readonly Digest[],
  workspace: string,
): Digest {
  return digestOf({
    layerFormat,
    platform,
    name: "layer",
    parents,
    epoch,
    command: run,
    inputs: [...new Set(Object.values(inputs))].sort(),
    network: network === true,
    workspace,
    environment: {
      base: base.kind === "image" ? base.config.digest : null,
      below: imageVariables({}, toolchains),
      step: stepEnvironment(epoch),
      own: env,
    },
  });
}

/** What a command sees: nothing of the user's own environment, and of the configuration's only what it declares. */
export function commandEnvironment(
  { command, epoch }: CommandStep,
  ofImage: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...stepEnvironment(epoch), ...ofImage, HOME: "/root", ...command.env };
}

/** Layers that builds recorded in the lock, whether they are a whole image or what is still right of one. */
export function recordedLayers({ built, image }: LockedPlatform): readonly LockedLayer[] {
  return image?.layers ?? built ?? [];
}

/** What people read of a command that makes a layer. */
export function commandTitle(name: string): string {
  return `step ${JSON.stringify(name)}`;
}

/** Whether a command is to be run although its result is there. */
export function isRepeated(
  { command }: Pick<CommandStep, "command">,
  { update = false }: { readonly update?: boolean },
): boolean {
  return update && command.network === true;
}
