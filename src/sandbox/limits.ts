import { rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlockDevices } from "./block-devices.ts";
import { type ControlGroupHost, findHierarchy, findUnified, thisHost } from "./cgroup-host.ts";
import { findPlace } from "./cgroup-place.ts";
import { countsSwapInV1, settingsOf } from "./cgroup-settings.ts";
import type { ControlGroupPlan, Limits, MissingLimit } from "./limit-types.ts";
import { planSlice } from "./user-slice.ts";

export interface LimitsPlan {
  readonly plan: ControlGroupPlan;
  readonly missing: readonly MissingLimit[];
}

/** Whose limits are planned. */
export interface LimitsSubject {
  /** Becomes the name of the groups. */
  readonly id: string;
  /** The disks that `io` limits. */
  readonly disks: BlockDevices;
  /** Whether its groups are in use, and hold what they hold until it is changed. */
  readonly isRunning?: boolean;
}

/** The control groups of an environment, one for each hierarchy that a limit needs. */
export function planLimits(
  limits: Limits,
  subject: LimitsSubject,
  host: ControlGroupHost = thisHost(),
): LimitsPlan {
  if (host.userManager !== undefined && findUnified(host) !== undefined)
    return planWithManager(limits, subject, host.userManager, host);
  const asked = (["cpus", "memory", "pids", "io"] as const).filter((limit) => limits[limit] !== undefined);
  const steps: ControlGroupPlan["steps"][number][] = [];
  const join = new Set<string>();
  const missing: MissingLimit[] = [];
  for (const limit of asked) {
    const place = findPlace(limit, subject.id, host);
    if (!("directory" in place)) {
      missing.push(place);
      continue;
    }
    if (limit === "io" && "reason" in subject.disks) {
      missing.push(withoutDisk(subject.disks.reason));
      continue;
    }
    if (limit === "memory" && limits.swap !== undefined) missing.push(...missingSwap(place.directory, host));
    const devices = "devices" in subject.disks ? subject.disks.devices : [];
    const group = { directory: place.directory, devices, isRunning: subject.isRunning === true };
    const settings = settingsOf(limit, limits, group, host);
    steps.push(...place.steps, { make: place.directory }, ...settings);
    join.add(place.directory);
  }
  missing.push(...missingDisk(limits, host));
  return { plan: { steps, join: [...join] }, missing };
}

function planWithManager(
  { io, ...limits }: Limits,
  { id, disks, isRunning }: LimitsSubject,
  manager: NonNullable<ControlGroupHost["userManager"]>,
  host: ControlGroupHost,
): LimitsPlan {
  const hasDisks = io === undefined || "devices" in disks;
  const own = { ...limits, ...(io === undefined || !hasDisks ? {} : { io }) };
  const { slice, missing } = planSlice(own, id, "devices" in disks ? disks.devices : [], manager, host);
  return {
    plan: { steps: [], join: [], ...(slice.settings.length > 0 || isRunning ? { slice } : {}) },
    missing: [
      ...missing,
      ...(hasDisks || "devices" in disks ? [] : [withoutDisk(disks.reason)]),
      ...missingDisk(limits, host),
    ],
  };
}

function withoutDisk(reason: string): MissingLimit {
  return { limit: "io", reason, remedy: ["# move it to a disk (ext4, xfs)"] };
}

function missingDisk({ disk }: Limits, { uid }: ControlGroupHost): MissingLimit[] {
  if (disk === undefined || uid === 0) return [];
  return [{ limit: "disk", reason: "only root, and the VM, may mount a disk of its own", remedy: [] }];
}

/** Removes the groups of an ended environment. The kernel may need a moment to let go of the last process. */
export async function removeControlGroups(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await rmdir(directory);
        break;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOENT") break;
        if (code !== "EBUSY" || attempt === 200) throw error;
        await sleep(10);
      }
    }
  }
}

function missingSwap(directory: string, host: ControlGroupHost): MissingLimit[] {
  if (findHierarchy("memory", host) === undefined || countsSwapInV1(dirname(dirname(directory)))) return [];
  return [
    {
      limit: "swap",
      reason: "the kernel of this host does not count swap",
      remedy: ['# boot with "swapaccount=1"'],
    },
  ];
}
