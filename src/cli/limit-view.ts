import type { LimitStatus } from "../environment/limit-status.ts";
import { formatBytes } from "./output.ts";

/** One line of `devenv status`: the limit, what is used of it, and what it kept the environment from. */
export function formatLimit(status: LimitStatus): string {
  const { limit, value, used, transferred, killed, refused, throttled, missing } = status;
  const show = (number: number): string =>
    limit === "cpus" || limit === "pids" ? String(number) : formatBytes(number);
  const asked = typeof value === "number" ? show(value) : rates(value);
  if (missing !== undefined) return `${asked}, not enforced: ${missing}`;
  return [
    used === undefined ? asked : `${asked}, ${show(used)} used`,
    ...(transferred === undefined
      ? []
      : [`${formatBytes(transferred.read)} read, ${formatBytes(transferred.written)} written`]),
    ...(killed === undefined ? [] : [`killed ${count(killed, "process", "processes")} at the limit`]),
    ...(refused === undefined ? [] : [`refused ${count(refused, "process", "processes")} at the limit`]),
    ...(throttled === undefined ? [] : [`held back for ${throttled.toFixed(1)} s`]),
  ].join("; ");
}

function rates({ read, write }: { readonly read?: number; readonly write?: number }): string {
  return [
    ...(read === undefined ? [] : [`read ${formatBytes(read)}/s`]),
    ...(write === undefined ? [] : [`write ${formatBytes(write)}/s`]),
  ].join(", ");
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
