import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { findProject } from "../config/project.ts";
import type { Platform } from "../lock/types.ts";
import { openStore } from "../store/store.ts";
import { entryFile, environmentDirectory, findId } from "./directory.ts";
import { keyOf } from "./identity.ts";
import { areInputsCurrent } from "./input-stamps.ts";
import { networkState } from "./network.ts";
import { findRunning, type RunningProcess } from "./running.ts";
import { isSameStamp, stampOf } from "./stamp.ts";
import { type EnvironmentState, readState } from "./state.ts";

/** An environment whose user is known inside, as far as its own state tells. */
export interface QuickLook {
  readonly state: EnvironmentState;
  /** Absent when it is stopped. */
  readonly running?: RunningProcess;
  /** Whether configuration and lock are the files that the last `up` saw. */
  readonly isCurrent: boolean;
  /** Whether the inputs of layers are, too, as far as that can be told without a walk. */
  readonly hasSameInputs: boolean;
  /** Whether the launcher has what it needs to enter it. */
  readonly hasEntry: boolean;
  /** Whether the hooks of the creation and of the start went well. */
  readonly isComplete: boolean;
  /** Whether its network is as it should be, or on its way. */
  readonly isConnected: boolean;
}

/**
 * Looks at the project of a directory without reading its configuration, so that a command with little to do ends at
 * once: nothing heavy is imported here. Undefined when there is no environment, or one that is half made.
 */
export async function lookQuickly(directory: string, platform?: Platform): Promise<QuickLook | undefined> {
  const project = await findProject(directory);
  const store = await openStore();
  const id = await findId(store, await realpath(project.root), platform);
  if (id === undefined) return undefined;
  const place = environmentDirectory(store, id).path;
  const state = await readState(place);
  if (state?.start === undefined || !state.isPrepared || !state.hasHome) return undefined;
  const running = await findRunning(place);
  const [configuration, lock] = await Promise.all([stampOf(project.configFile), stampOf(project.lockFile)]);
  const network = running && (await networkState(place, state.start.settings));
  const { stamps } = state;
  return {
    state,
    ...(running === undefined ? {} : { running }),
    isCurrent: isSameStamp(configuration, stamps?.configuration) && isSameStamp(lock, stamps?.lock),
    hasSameInputs: await areInputsCurrent(stamps?.inputs),
    hasEntry: existsSync(entryFile(store, keyOf(id))),
    isComplete: state.isCreated && state.start.onStart !== "owed",
    isConnected: network?.kind !== "lost",
  };
}
