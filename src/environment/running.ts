import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type EnvironmentProcess, isAlive } from "../sandbox/index.ts";
import { bootId } from "./boot.ts";

/** The init process of an environment that runs. */
export interface RunningProcess extends EnvironmentProcess {
  /** ISO 8601 in UTC. */
  readonly started: string;
  /** Of its environment. */
  readonly directory: string;
}

/**
 * Where the sandbox writes down the init process before it lets it live; the id of the boot comes behind, because pid
 * and start time alone may come round again after a reboot.
 */
export function pidFilePrefix(directory: string): string {
  return join(directory, "init-");
}

/** The living init process of the environment in this directory, whoever started it; undefined when it is stopped. */
export async function findRunning(directory: string): Promise<RunningProcess | undefined> {
  const found = await findRunningBy(pidFilePrefix(directory));
  return found && { ...found, directory };
}

/** The process that the sandbox wrote down in the file that begins with this path, if it lives. */
export async function findRunningBy(prefix: string): Promise<Omit<RunningProcess, "directory"> | undefined> {
  const file = `${prefix}${await bootId()}`;
  const read = async () => await Promise.all([readFile(file, "utf8"), stat(file)]);
  const found = await read().catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const [text, { mtime }] = found;
  const [, pid, startTime] = /^([0-9]+) ([0-9]+)\n$/.exec(text) ?? [];
  if (pid === undefined || startTime === undefined) return undefined;
  const process = { pid: Number(pid), startTime };
  return (await isAlive(process)) ? { ...process, started: mtime.toISOString() } : undefined;
}

/** Notes that nothing runs any more. */
export async function forgetRunning(directory: string): Promise<void> {
  await rm(`${pidFilePrefix(directory)}${await bootId()}`, { force: true });
}
