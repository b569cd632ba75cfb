import type { LimitName, Limits, Usage } from "../sandbox/index.ts";
import type { StartRecord } from "./state.ts";

/** A limit, what is used of it, and what it kept the environment from since the start. */
export interface LimitStatus {
  readonly limit: LimitName;
  /** Processors, bytes, processes, or bytes a second. */
  readonly value: number | { readonly read?: number; readonly write?: number };
  /** Bytes or processes at this moment; processors are not counted. */
  readonly used?: number;
  /** Bytes since the start. */
  readonly transferred?: { readonly read: number; readonly written: number };
  /** Processes that were killed because they asked for more memory. */
  readonly killed?: number;
  /** New processes that there was no place for. */
  readonly refused?: number;
  /** Seconds for which processes had to wait. */
  readonly throttled?: number;
  /** Why this host does not enforce it. */
  readonly missing?: string;
}

/** What is used, on the environment's own disk as well: bytes. */
export interface EnvironmentUsage extends Usage {
  readonly disk?: number | undefined;
}

const names: readonly LimitName[] = ["cpus", "memory", "swap", "pids", "disk", "io"];

/** Every limit that is set, in the order of the format. */
export function limitStatus(
  limits: Limits,
  start: StartRecord | undefined,
  usage: EnvironmentUsage,
): LimitStatus[] {
  return names.flatMap((limit): LimitStatus[] => {
    const value = limits[limit];
    if (value === undefined) return [];
    const missing = start?.missingLimits.find((item) => item.limit === limit)?.reason;
    return [{ limit, value, ...(missing === undefined ? usageOf(limit, usage) : { missing }) }];
  });
}

function usageOf(limit: LimitName, usage: EnvironmentUsage): Omit<LimitStatus, "limit" | "value"> {
  const { memory, swap, pids, disk, io, killed, refused, throttled } = usage;
  switch (limit) {
    case "cpus":
      return { ...(throttled ? { throttled } : {}) };
    case "memory":
      return { ...(memory === undefined ? {} : { used: memory }), ...(killed ? { killed } : {}) };
    case "swap":
      return { ...(swap === undefined ? {} : { used: swap }) };
    case "pids":
      return { ...(pids === undefined ? {} : { used: pids }), ...(refused ? { refused } : {}) };
    case "disk":
      return { ...(disk === undefined ? {} : { used: disk }) };
    case "io":
      return { ...(io === undefined ? {} : { transferred: io }) };
  }
}
