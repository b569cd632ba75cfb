import { realpath } from "node:fs/promises";
import { findProject } from "../config/project.ts";
import { openStore } from "../store/store.ts";
import { environmentDirectory, findId } from "./directory.ts";
import type { RunningEnvironment } from "./enter.ts";
import { findRunning } from "./running.ts";
import { isSameStamp, stampOf } from "./stamp.ts";
import { readState } from "./state.ts";

/** An environment that runs, as far as its own state tells. */
export interface QuickLook extends RunningEnvironment {
  /** Whether configuration and lock are the files that the last `up` saw. */
  readonly isCurrent: boolean;
  /** Whether the hooks of the creation and of the start went well. */
  readonly isComplete: boolean;
}

/**
 * Looks at the project of a directory without reading its configuration, so that a command with little to do ends at
 * once: nothing heavy is imported here. Undefined unless the environment runs and its user is known inside.
 */
export async function lookQuickly(directory: string): Promise<QuickLook | undefined> {
  const project = await findProject(directory);
  const store = await openStore();
  const id = await findId(store, await realpath(project.root));
  if (id === undefined) return undefined;
  const place = environmentDirectory(store, id).path;
  const state = await readState(place);
  if (state?.start === undefined || !state.isPrepared || !state.hasHome) return undefined;
  const running = await findRunning(place);
  if (running === undefined) return undefined;
  const [configuration, lock] = await Promise.all([stampOf(project.configFile), stampOf(project.lockFile)]);
  const { stamps } = state;
  return {
    state,
    running,
    isCurrent: isSameStamp(configuration, stamps?.configuration) && isSameStamp(lock, stamps?.lock),
    isComplete: state.isCreated && state.start.onStart !== "owed",
  };
}
