import { dirname, join } from "node:path";
import { type ControlGroupHost, exists, findHierarchy, textOf } from "./cgroup-host.ts";
import type { ControlGroupSetting, GroupLimit, Limits } from "./limit-types.ts";

/** The controllers behind a limit; the first is the one that enforces it. */
export const controllers: Record<GroupLimit, readonly [string, ...string[]]> = {
  cpus: ["cpu"],
  memory: ["memory"],
  pids: ["pids"],
  // cgroup-v2.rst, "Writeback": what is written later is charged to a group that has both.
  io: ["io", "memory"],
};

/** cgroup v1 (cpu.txt): the length of the period a quota belongs to, in microseconds. */
const period = 100_000;

/** The group that a limit is set in. */
export interface LimitedGroup {
  readonly directory: string;
  /** The disks of `io`. */
  readonly devices: readonly string[];
  /** Whether it is in use, and what is written comes in place of something. */
  readonly isRunning: boolean;
}

/** The files of a group that hold a limit, in the order in which they are written. A limit that is absent is lifted. */
export function settingsOf(
  limit: GroupLimit,
  limits: Limits,
  group: LimitedGroup,
  host: ControlGroupHost,
): ControlGroupSetting[] {
  const { directory, devices } = group;
  const file = (name: string, value: string | number) => ({
    file: join(directory, name),
    value: String(value),
  });
  const isUnified = findHierarchy(controllers[limit][0], host) === undefined;
  switch (limit) {
    case "pids":
      return [file("pids.max", limits.pids ?? "max")];
    case "cpus": {
      const quota = limits.cpus === undefined ? undefined : Math.round(limits.cpus * period);
      if (isUnified) return [file("cpu.max", `${quota ?? "max"} ${period}`)];
      return [file("cpu.cfs_period_us", period), file("cpu.cfs_quota_us", quota ?? -1)];
    }
    case "io": {
      const { read, write } = limits.io ?? {};
      return devices.map((device) =>
        file("io.max", `${device} rbps=${read ?? "max"} wbps=${write ?? "max"}`),
      );
    }
    case "memory": {
      const { memory } = limits;
      const swap = limits.swap ?? (memory === undefined ? "max" : 0);
      if (!isUnified) return memoryOfV1(memory, limits.swap ?? 0, group);
      return [file("memory.max", memory ?? "max"), ...(host.hasSwap ? [file("memory.swap.max", swap)] : [])];
    }
  }
}

/** Whether a host with cgroup v1 limits swap: only together with memory, and only when it was told to count it. */
export function countsSwapInV1(hierarchy: string): boolean {
  return exists(join(hierarchy, "memory.memsw.limit_in_bytes"));
}

/** memory.txt of cgroup v1: one limit for memory, another for memory and swap, which must never be below the first. */
function memoryOfV1(
  memory: number | undefined,
  swap: number,
  { directory, isRunning }: LimitedGroup,
): ControlGroupSetting[] {
  const file = (name: string, value: number) => ({ file: join(directory, name), value: String(value) });
  const alone = file("memory.limit_in_bytes", memory ?? -1);
  if (!countsSwapInV1(dirname(dirname(directory)))) return [alone];
  const both = (value: number) => file("memory.memsw.limit_in_bytes", value);
  if (memory === undefined) return [both(-1), alone];
  // Whatever an earlier start left there.
  if (!isRunning) return [both(-1), alone, both(memory + swap)];
  const present = textOf(join(directory, "memory.memsw.limit_in_bytes")).trim();
  // The one that fails when too much is in use comes first, so that nothing is half done.
  return memory + swap < Number(present) ? [alone, both(memory + swap)] : [both(memory + swap), alone];
}
