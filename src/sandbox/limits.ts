import type { Stats } from "node:fs";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What an environment may use. */
export interface Limits {
  /** Processors, also parts of one: 1.5. */
  readonly cpus?: number;
  /** Bytes. */
  readonly memory?: number;
  /** Processes and threads. */
  readonly pids?: number;
}

type LimitName = keyof Limits;

/** What the sandbox program does with control groups, in this order. */
export interface ControlGroupPlan {
  readonly steps: readonly ({ readonly make: string } | { readonly file: string; readonly value: string })[];
  /** Directories whose groups the environment, and each command in it, joins. */
  readonly join: readonly string[];
}

/** A limit that cannot be enforced on this host, and how to mend that. */
export interface MissingLimit {
  readonly limit: LimitName;
  readonly reason: string;
  /** Commands for root, one after the other. */
  readonly remedy: readonly string[];
}

export interface LimitsPlan {
  readonly plan: ControlGroupPlan;
  readonly missing: readonly MissingLimit[];
}

/** Where control groups are on this host, and who asks; tests have their own. */
export interface ControlGroupHost {
  /** Where the hierarchies are mounted: /sys/fs/cgroup. */
  readonly root: string;
  /** Text of /proc/self/cgroup. */
  readonly membership: string;
  readonly uid: number;
  /** Whether the kernel has swap, and with it a limit for it. */
  readonly hasSwap: boolean;
  /** Whether whoever asks may write there: not on a mount that is read-only, as in most containers. */
  isWritable(path: string): boolean;
}

/** The group one limit is set in, or why there is none. */
type Place = { readonly directory: string; readonly steps: ControlGroupPlan["steps"] } | MissingLimit;

/** cgroup v1 (cpu.txt): the length of the period a quota belongs to, in microseconds. */
const period = 100_000;

/** The control groups of an environment, one for each hierarchy that a limit needs. `id` becomes their name. */
export function planLimits(limits: Limits, id: string, host: ControlGroupHost = thisHost()): LimitsPlan {
  const asked = (["cpus", "memory", "pids"] as const).filter((limit) => limits[limit] !== undefined);
  const steps: ControlGroupPlan["steps"][number][] = [];
  const join = new Set<string>();
  const missing: MissingLimit[] = [];
  for (const limit of asked) {
    const place = findPlace(limit, id, host);
    if (!("directory" in place)) {
      missing.push(place);
      continue;
    }
    steps.push(
      ...place.steps,
      { make: place.directory },
      ...settings(limit, limits[limit] ?? 0, place.directory, host),
    );
    join.add(place.directory);
  }
  return { plan: { steps, join: [...join] }, missing };
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

function thisHost(): ControlGroupHost {
  const uid = process.getuid?.() ?? 0;
  return {
    root: "/sys/fs/cgroup",
    membership: readFileSync("/proc/self/cgroup", "utf8"),
    uid,
    hasSwap: exists("/proc/swaps"),
    isWritable,
  };
}

const controllers: Record<LimitName, string> = { cpus: "cpu", memory: "memory", pids: "pids" };

function findPlace(limit: LimitName, id: string, host: ControlGroupHost): Place {
  const controller = controllers[limit];
  // A controller belongs to one hierarchy: to an own one (v1), or to the unified one (v2).
  const own = findHierarchy(controller, host);
  if (own !== undefined) return placeInV1(limit, own, id, host);
  const unified = [host.root, join(host.root, "unified")].find((root) =>
    exists(join(root, "cgroup.controllers")),
  );
  if (unified !== undefined && words(join(unified, "cgroup.controllers")).includes(controller))
    return placeInV2(limit, unified, id, host);
  return {
    limit,
    reason: `the kernel of this host has no "${controller}" controller`,
    remedy: [`boot with a kernel that has it, and without "cgroup_disable=${controller}"`],
  };
}

/** cgroup v1: a line "4:cpu,cpuacct:/path" of /proc/self/cgroup, mounted as cpu,cpuacct or by a link named cpu. */
function findHierarchy(controller: string, host: ControlGroupHost): string | undefined {
  for (const line of host.membership.split("\n")) {
    const names = line.split(":")[1] ?? "";
    if (!names.split(",").includes(controller)) continue;
    return [controller, names]
      .map((name) => join(host.root, name))
      .find((path) => exists(join(path, "cgroup.procs")));
  }
  return undefined;
}

function placeInV1(limit: LimitName, hierarchy: string, id: string, host: ControlGroupHost): Place {
  const directory = join(hierarchy, host.uid === 0 ? "devenv" : `devenv-${host.uid}`);
  if (host.uid === 0 && !host.isWritable(hierarchy)) return notWritable(limit, hierarchy);
  if (host.uid === 0 || host.isWritable(directory)) return { directory: join(directory, id), steps: [] };
  return {
    limit,
    reason: `${directory} is not there, or not writable for you (cgroup v1 knows no other delegation)`,
    remedy: [
      `mkdir -p ${directory}`,
      `chown ${host.uid} ${directory} ${directory}/cgroup.procs ${directory}/tasks`,
    ],
  };
}

/** cgroup v2 (cgroup-v2.rst, "Delegation"): the uppermost group of ours that belongs to the user. */
function placeInV2(limit: LimitName, hierarchy: string, id: string, host: ControlGroupHost): Place {
  const controller = controllers[limit];
  const base = host.uid === 0 ? hierarchy : findDelegated(hierarchy, host);
  const remedy = [
    "mkdir -p /etc/systemd/system/user@.service.d",
    `printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf`,
    "systemctl daemon-reload",
    "then log in again, and work below your user manager: systemd-run --user --scope --property=Delegate=yes bash",
  ];
  if (base === undefined) return { limit, reason: "no control group of yours is delegated to you", remedy };
  if (!host.isWritable(base)) return notWritable(limit, base);
  if (!words(join(base, "cgroup.controllers")).includes(controller))
    return { limit, reason: `the "${controller}" controller is not delegated to you in ${base}`, remedy };
  const parent = join(base, "devenv");
  const enable = [base, parent].map((path) => ({
    file: join(path, "cgroup.subtree_control"),
    value: `+${controller}`,
  }));
  const [first, second] = enable;
  const steps: ControlGroupPlan["steps"][number][] = [{ make: parent }];
  if (first !== undefined && !words(first.file).includes(controller)) {
    // "No internal processes": only the true root, the one without a type, may have some and groups with controllers.
    if (exists(join(base, "cgroup.type")) && words(join(base, "cgroup.procs")).length > 0)
      return {
        limit,
        reason: `${base} has processes of its own, so that groups below it get no controllers`,
        remedy: [
          `mkdir -p ${base}/init`,
          `xargs -rn1 < ${base}/cgroup.procs > ${base}/init/cgroup.procs`,
          ...(host.uid === 0 ? [] : [`chown -R ${host.uid} ${base}/init`]),
        ],
      };
    steps.push(first);
  }
  if (second !== undefined) steps.push(second);
  return { directory: join(parent, id), steps };
}

/** Root is kept from writing by a mount only. */
function notWritable(limit: LimitName, hierarchy: string): MissingLimit {
  return {
    limit,
    reason: `${hierarchy} is mounted read-only`,
    remedy: [
      `mount -o remount,rw ${hierarchy}`,
      "or, for a container: start it with --privileged and --cgroupns=private",
    ],
  };
}

function findDelegated(hierarchy: string, host: ControlGroupHost): string | undefined {
  const path = /^0::(\/.*)$/m.exec(host.membership)?.[1];
  if (path === undefined) return undefined;
  let found: string | undefined;
  for (let group = join(hierarchy, path); group.startsWith(`${hierarchy}/`); group = dirname(group)) {
    if (host.isWritable(group) && host.isWritable(join(group, "cgroup.procs"))) found = group;
    else if (found !== undefined) break;
  }
  return found;
}

function settings(
  limit: LimitName,
  value: number,
  directory: string,
  host: ControlGroupHost,
): ControlGroupPlan["steps"] {
  const file = (name: string, text: string | number) => ({
    file: join(directory, name),
    value: String(text),
  });
  const isUnified = findHierarchy(controllers[limit], host) === undefined;
  if (limit === "pids") return [file("pids.max", value)];
  if (limit === "cpus") {
    const quota = Math.round(value * period);
    return isUnified
      ? [file("cpu.max", `${quota} ${period}`)]
      : [file("cpu.cfs_period_us", period), file("cpu.cfs_quota_us", quota)];
  }
  // The limit is one for memory and swap together: what is over it is ended, not swapped.
  if (isUnified) return [file("memory.max", value), ...(host.hasSwap ? [file("memory.swap.max", 0)] : [])];
  const hasSwap = exists(join(dirname(dirname(directory)), "memory.memsw.limit_in_bytes"));
  const limitFile = file("memory.limit_in_bytes", value);
  if (!hasSwap) return [limitFile];
  // The second must never be below the first, whatever an earlier start left there.
  return [file("memory.memsw.limit_in_bytes", -1), limitFile, file("memory.memsw.limit_in_bytes", value)];
}

function words(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split(/\s+/)
      .filter((word) => word !== "");
  } catch {
    return [];
  }
}

function exists(file: string): boolean {
  return stat(file) !== undefined;
}

function stat(file: string): Stats | undefined {
  return statSync(file, { throwIfNoEntry: false });
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
