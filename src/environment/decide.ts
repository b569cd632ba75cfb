import { canonicalJson } from "../lock/index.ts";
import type { Platform } from "../lock/types.ts";
import type { Limits } from "../sandbox/index.ts";
import type { EnvironmentImage, EnvironmentState, StartRecord, StartSettings } from "./state.ts";

/** What the configuration, the lock and the built image ask for. */
export interface Wanted {
  readonly id: string;
  readonly platform: Platform;
  readonly image: EnvironmentImage;
  readonly settings: StartSettings;
}

/** What has to happen, in this order; every reason is a clause that a person can read. */
export interface Decision {
  /** Stop what runs, for these reasons. */
  readonly stop: readonly string[];
  /** Throw the writable layer away, for this reason. */
  readonly replaceLayer?: string;
  /** Start, because nothing will be running by then. */
  readonly start: boolean;
  /** Change the limits of what runs on. */
  readonly changeLimits: boolean;
}

/**
 * Compares an environment as it is with what it is wanted to be. `restart` says why the wanted limits need a new start,
 * where they do.
 */
export function decide(
  state: EnvironmentState | undefined,
  runs: boolean,
  wanted: Wanted,
  restart: readonly string[] = [],
): Decision {
  if (state === undefined) return { stop: [], start: true, changeLimits: false };
  const replaceLayer =
    state.image !== undefined && !isSameImage(state.image, wanted.image) ? "the image changed" : undefined;
  const hasOtherLimits = state.start !== undefined && !hasLimits(state.start, wanted.settings.limits);
  const stop = runs
    ? [...reasonsToStop(state.start?.settings, wanted.settings), ...(hasOtherLimits ? restart : [])]
    : [];
  if (runs && replaceLayer !== undefined) stop.unshift(replaceLayer);
  return {
    stop,
    ...(replaceLayer === undefined ? {} : { replaceLayer }),
    start: !runs || stop.length > 0,
    changeLimits: runs && stop.length === 0 && hasOtherLimits,
  };
}

/** Whether these are its limits, and no change of them is half done. */
function hasLimits({ settings: { limits }, changingTo }: StartRecord, wanted: Limits): boolean {
  return changingTo === undefined && canonicalJson(limits) === canonicalJson(wanted);
}

/** Another manifest with the same layers is the same to what was written on top of them. */
function isSameImage(a: EnvironmentImage, b: EnvironmentImage): boolean {
  return canonicalJson(a.layers) === canonicalJson(b.layers);
}

const settings: readonly (keyof StartSettings)[] = ["name", "env", "mounts", "network", "ports", "hostPorts"];

function reasonsToStop(old: StartSettings | undefined, wanted: StartSettings): string[] {
  if (old === undefined) return ["an earlier start did not come to its end"];
  return settings
    .filter((key) => canonicalJson(old[key]) !== canonicalJson(wanted[key]))
    .map((key) => `"${key}" changed in devenv.jsonc`);
}
