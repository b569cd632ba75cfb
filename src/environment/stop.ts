import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type EnvironmentProcess,
  isAlive,
  planLimits,
  removeControlGroups,
  stopEnvironment,
} from "../sandbox/index.ts";
import { bootId, isRunning } from "./alive.ts";
import { type Environment, save } from "./environment.ts";

/** Milliseconds that processes inside get between SIGTERM and SIGKILL. */
export const grace = 2000;

/**
 * Ends everything inside, in an orderly way if it goes. Also ends what an `up` left behind that was killed before it
 * could write down what it had started. Resolves to whether anything ran.
 */
export async function stop(environment: Environment): Promise<boolean> {
  const init = await findInit(environment);
  if (init !== undefined) await stopEnvironment(init, { grace });
  const { running } = environment.state;
  await removeControlGroups([...new Set([...(running?.cgroups ?? []), ...possibleGroups(environment)])]);
  if (running !== undefined) await save(environment, { running: undefined });
  return init !== undefined;
}

/** Those that a start makes, which may have been killed before it wrote them down. */
function possibleGroups({ directory }: Environment): readonly string[] {
  return planLimits({ cpus: 1, memory: 1, pids: 1 }, basename(directory.path)).plan.join;
}

/** Where the sandbox writes down the init process and the boot, before it lets that process live. */
export function pidFile(environment: Pick<Environment, "directory">, boot: string): string {
  return join(environment.directory.path, `init-${boot}`);
}

/** The living init process of an environment, whether its state knows it or not. */
export async function findInit(environment: Environment): Promise<EnvironmentProcess | undefined> {
  const { running } = environment.state;
  if (running !== undefined && (await isRunning(running))) return running;
  const recorded = await readPidFile(environment);
  return recorded !== undefined && (await isAlive(recorded)) ? recorded : undefined;
}

async function readPidFile(environment: Environment): Promise<EnvironmentProcess | undefined> {
  try {
    const text = await readFile(pidFile(environment, await bootId()), "utf8");
    const [, pid, startTime] = /^([0-9]+) ([0-9]+)\n$/.exec(text) ?? [];
    return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
