import { type ControlGroupHost, findHierarchy, thisHost } from "./cgroup-host.ts";
import { findPlace } from "./cgroup-place.ts";
import { controllers, settingsOf } from "./cgroup-settings.ts";
import type { ControlGroupPlan, GroupLimit, Limits } from "./limit-types.ts";
import { type LimitsPlan, type LimitsSubject, planLimits } from "./limits.ts";

/** How the limits of a running environment become others. */
export interface LimitsChange extends LimitsPlan {
  /** Groups that its processes are not in yet. */
  readonly move: readonly string[];
  /** Why only a new start can do it, each a clause; empty when it goes without. */
  readonly restart: readonly string[];
}

/** Limits as an environment that runs has them. */
export interface PresentLimits {
  /** Those that are enforced, or may be when an earlier change did not come to its end. */
  readonly limits: Limits;
  /** Directories of the groups that its processes are in. */
  readonly groups: readonly string[];
  /** Name of the slice that it is in. */
  readonly slice?: string | undefined;
}

const names: readonly GroupLimit[] = ["cpus", "memory", "pids", "io"];

/** Plans the change from present limits to others; what is asked no longer is lifted. */
export function planLimitsChange(
  present: PresentLimits,
  wanted: Limits,
  subject: LimitsSubject,
  host: ControlGroupHost = thisHost(),
): LimitsChange {
  const { plan, missing } = planLimits(wanted, { ...subject, isRunning: true }, host);
  const enforced = names.filter(
    (limit) => wanted[limit] !== undefined && !missing.some((item) => item.limit === limit),
  );
  const changesDisk = present.limits.disk !== diskOf(wanted, missing);
  const onDisk = changesDisk ? ['"limits.disk" changed'] : [];
  if (plan.slice !== undefined) {
    const isInside = present.slice === plan.slice.name;
    const isNew = !isInside && plan.slice.settings.length > 0;
    return {
      plan: { steps: [], join: [], ...(isInside ? { slice: plan.slice } : {}) },
      missing,
      move: [],
      restart: [
        ...enforced.flatMap((limit) => newMemory(limit, present)),
        ...(isNew ? ["it was started without limits, and systemd moves nobody to those that are new"] : []),
        ...onDisk,
      ],
    };
  }
  const move = plan.join.filter((directory) => !present.groups.includes(directory));
  const lifted = names
    .filter((limit) => present.limits[limit] !== undefined && wanted[limit] === undefined)
    .flatMap((limit) => lift(limit, present, subject, host));
  return {
    plan: { steps: [...plan.steps, ...lifted], join: [...new Set([...present.groups, ...plan.join])] },
    missing,
    move,
    restart: [...enforced.flatMap((limit) => reasonToRestart(limit, present, subject, host)), ...onDisk],
  };
}

function diskOf({ disk }: Limits, missing: LimitsPlan["missing"]): number | undefined {
  return missing.some(({ limit }) => limit === "disk") ? undefined : disk;
}

/** What is lifted stays a group without limits, so that nobody has to leave it. */
function lift(
  limit: GroupLimit,
  { groups }: PresentLimits,
  subject: LimitsSubject,
  host: ControlGroupHost,
): ControlGroupPlan["steps"] {
  const place = findPlace(limit, subject.id, host);
  if (!("directory" in place) || !groups.includes(place.directory)) return [];
  const devices = "devices" in subject.disks ? subject.disks.devices : [];
  return settingsOf(limit, {}, { directory: place.directory, devices, isRunning: true }, host);
}

/** The kernel charges memory to the group that a process is in when it takes it, and to that one for good. */
function newMemory(limit: GroupLimit, { limits }: PresentLimits): string[] {
  if (limit !== "memory" || limits.memory !== undefined) return [];
  return [`"limits.memory" is new, and memory that is in use already would not count`];
}

function reasonToRestart(
  limit: GroupLimit,
  present: PresentLimits,
  subject: LimitsSubject,
  host: ControlGroupHost,
): string[] {
  const reason = newMemory(limit, present);
  if (reason.length > 0) return reason;
  const { groups } = present;
  const place = findPlace(limit, subject.id, host);
  if (host.uid === 0 || ("directory" in place && groups.includes(place.directory))) return [];
  const version = findHierarchy(controllers[limit][0], host) === undefined ? "v2" : "v1";
  return [`"limits.${limit}" is new, and on cgroup ${version} only root moves processes to a new group`];
}
