import { dirname, join } from "node:path";
import { type ControlGroupHost, exists, findHierarchy, findUnified, words } from "./cgroup-host.ts";
import { controllers } from "./cgroup-settings.ts";
import type { ControlGroupPlan, GroupLimit, MissingLimit } from "./limit-types.ts";

/** The group a limit is set in and what has to be done before it is made, or why there is none. */
export type Place =
  | { readonly directory: string; readonly steps: ControlGroupPlan["steps"] }
  | (MissingLimit & { readonly limit: GroupLimit });

/** Where a limit of the environment `id` can be enforced. */
export function findPlace(limit: GroupLimit, id: string, host: ControlGroupHost): Place {
  if (limit === "io") return findPlaceOfIo(id, host);
  const [controller] = controllers[limit];
  // A controller belongs to one hierarchy: to an own one (v1), or to the unified one (v2).
  const own = findHierarchy(controller, host);
  if (own !== undefined) return placeInV1(limit, own, id, host);
  return placeInUnified(limit, id, host);
}

/** What is written goes to memory first, and only v2 knows later whose it was. */
function findPlaceOfIo(id: string, host: ControlGroupHost): Place {
  if (findHierarchy("blkio", host) === undefined && findHierarchy("memory", host) === undefined)
    return placeInUnified("io", id, host);
  return {
    limit: "io",
    reason: "not supported on cgroup v1, which limits nothing that is written by way of memory",
    remedy: ['# boot with "systemd.unified_cgroup_hierarchy=1", or without "cgroup_no_v1" where that is set'],
  };
}

function placeInUnified(limit: GroupLimit, id: string, host: ControlGroupHost): Place {
  const unified = findUnified(host);
  const known = unified === undefined ? [] : words(join(unified, "cgroup.controllers"));
  const unknown = controllers[limit].find((controller) => !known.includes(controller));
  if (unified !== undefined && unknown === undefined) return placeInV2(limit, unified, id, host);
  const [first] = controllers[limit];
  const name = unknown ?? first;
  return {
    limit,
    reason: `the kernel of this host has no "${name}" controller`,
    remedy: [`# boot with a kernel that has it, and without "cgroup_disable=${name}"`],
  };
}

function placeInV1(limit: GroupLimit, hierarchy: string, id: string, host: ControlGroupHost): Place {
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
function placeInV2(limit: GroupLimit, hierarchy: string, id: string, host: ControlGroupHost): Place {
  const needed = controllers[limit];
  const base = host.uid === 0 ? hierarchy : findDelegated(hierarchy, host);
  if (base === undefined) return withoutManager(limit, host);
  if (!host.isWritable(base)) return notWritable(limit, base);
  const given = words(join(base, "cgroup.controllers"));
  const held = needed.find((controller) => !given.includes(controller));
  if (held !== undefined) {
    const reason = `the "${held}" controller is not delegated to you in ${base}`;
    return { limit, reason, remedy: delegation(host.uid) };
  }
  const parent = join(base, "devenv");
  const steps: ControlGroupPlan["steps"][number][] = [{ make: parent }];
  for (const controller of needed) {
    const [first, second] = [base, parent].map((path) => ({
      file: join(path, "cgroup.subtree_control"),
      value: `+${controller}`,
    }));
    if (first !== undefined && !words(first.file).includes(controller)) {
      if (hasProcesses(base)) return withProcesses(limit, base, host);
      steps.push(first);
    }
    if (second !== undefined) steps.push(second);
  }
  return { directory: join(parent, id), steps };
}

/** Without systemd's manager for the user, which would do it, and without a group that somebody else gave. */
function withoutManager(limit: GroupLimit, { uid }: ControlGroupHost): Place {
  return {
    limit,
    reason: "no control group is yours, and systemd runs no service manager for you",
    remedy: [
      "apt-get install libpam-systemd   # Debian, Ubuntu; then log in again",
      `loginctl enable-linger ${uid}`,
    ],
  };
}

/** How systemd is made to delegate all controllers to the managers of users. */
export function delegation(uid: number): string[] {
  return [
    "mkdir -p /etc/systemd/system/user@.service.d",
    `printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf`,
    "systemctl daemon-reload",
    `systemctl restart user@${uid}.service   # ends what runs in your sessions; or log out of all of them, and in again`,
  ];
}

/** "No internal processes": only the true root, the one without a type, may have some and groups with controllers. */
function hasProcesses(base: string): boolean {
  return exists(join(base, "cgroup.type")) && words(join(base, "cgroup.procs")).length > 0;
}

function withProcesses(limit: GroupLimit, base: string, host: ControlGroupHost): Place {
  return {
    limit,
    reason: `${base} has processes of its own, so that groups below it get no controllers`,
    remedy: [
      `mkdir -p ${base}/init`,
      `xargs -rn1 < ${base}/cgroup.procs > ${base}/init/cgroup.procs`,
      ...(host.uid === 0 ? [] : [`chown -R ${host.uid} ${base}/init`]),
    ],
  };
}

/** Root is kept from writing by a mount only. */
function notWritable(limit: GroupLimit, hierarchy: string): Place {
  return {
    limit,
    reason: `${hierarchy} is mounted read-only`,
    remedy: [
      `mount -o remount,rw ${hierarchy}`,
      "# or, for a container: start it with --privileged and --cgroupns=private",
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
