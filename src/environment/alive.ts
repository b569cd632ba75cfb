import { readFile } from "node:fs/promises";
import { type EnvironmentProcess, isAlive } from "../sandbox/index.ts";

/** A process of this boot, or of an earlier one: pid and start time alone may come round again after a reboot. */
export interface ProcessMark extends EnvironmentProcess {
  readonly bootId: string;
}

/** Whether exactly this process still lives. */
export async function isRunning(mark: ProcessMark): Promise<boolean> {
  return mark.bootId === (await bootId()) && (await isAlive(mark));
}

/** Identifies the present boot of the machine. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
