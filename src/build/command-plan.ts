import { languageOf } from "../languages/index.ts";
import type {
  Digest,
  LockedCommand,
  LockedLayer,
  LockedPlatform,
  LockedToolchain,
  Platform,
} from "../lock/index.ts";
import { digestOf, layerFormat } from "./cache-key.ts";
import { commandScript } from "./command-script.ts";
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
    // With the place where it runs, and all that is done to what it leaves.
    script: commandScript({ workspace, files: [], epoch }),
    environment: {
      base: base.kind === "image" ? base.config.digest : null,
      below: layerVariables(imageVariables({}, toolchains), toolchains),
      step: stepEnvironment(epoch),
      own: env,
    },
  });
}

/** What a command sees: nothing of the user's own environment, and of the configuration's only what it declares. */
export function commandEnvironment(
  { command, epoch }: CommandStep,
  ofImage: Variables,
  toolchains: readonly LockedToolchain[] = [],
): Record<string, string> {
  const variables = layerVariables(ofImage, toolchains);
  return { ...stepEnvironment(epoch), ...variables, HOME: "/root", ...command.env };
}

type Variables = Readonly<Record<string, string>>;

/** What package managers install in a layer is for everyone: environments have a home directory of their own. */
function layerVariables(ofImage: Variables, toolchains: readonly LockedToolchain[]): Variables {
  const others = Object.entries(ofImage).filter(([, value]) => !value.startsWith("/home/dev"));
  const path = (ofImage["PATH"] ?? "").split(":").filter((directory) => !directory.startsWith("/home/dev"));
  const ofLanguages = toolchains.map(({ language }) => languageOf(language)?.inLayers ?? {});
  return Object.assign(Object.fromEntries(others), { PATH: path.join(":") }, ...ofLanguages) as Variables;
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
