import { basename } from "node:path";
import {
  awaitNetworkEnd,
  planLimits,
  removeControlGroups,
  removeSlice,
  stopEnvironment,
} from "../sandbox/index.ts";
import type { Environment } from "./environment.ts";
import { networkFile } from "./network.ts";
import { findRunning, forgetRunning } from "./running.ts";

/** Milliseconds that processes inside get between SIGTERM and SIGKILL. */
export const grace = 2000;

/** Ends everything inside, in an orderly way if it goes. Resolves to whether anything ran. */
export async function stop({ directory, state }: Environment): Promise<boolean> {
  const init = await findRunning(directory.path);
  if (init !== undefined) await stopEnvironment(init, { grace });
  await awaitNetworkEnd(networkFile(directory.path));
  await removeControlGroups([
    ...new Set([...(state.start?.cgroups ?? []), ...possibleGroups(directory.path)]),
  ]);
  if (state.start?.slice !== undefined) await removeSlice(state.start.slice);
  await forgetRunning(directory.path);
  return init !== undefined;
}

/** Those that a start makes, which may have been killed before it wrote them down. */
function possibleGroups(directory: string): readonly string[] {
  const subject = { id: basename(directory), disks: { devices: [] } };
  return planLimits({ cpus: 1, memory: 1, pids: 1 }, subject).plan.join;
}
