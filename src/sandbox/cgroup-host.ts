import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where control groups are on this host, and who asks; tests have their own. */
export interface ControlGroupHost {
  /** Where the hierarchies are mounted: /sys/fs/cgroup. */
  readonly root: string;
  /** Text of /proc/self/cgroup. */
  readonly membership: string;
  readonly uid: number;
  /** Whether the kernel has swap, and with it a limit for it. */
  readonly hasSwap: boolean;
  /** The service manager that systemd runs for the user, on cgroup v2. */
  readonly userManager?: { readonly directory: string; readonly runtime: string } | undefined;
  /** Whether whoever asks may write there: not on a mount that is read-only, as in most containers. */
  isWritable(path: string): boolean;
}

export function thisHost(): ControlGroupHost {
  const uid = process.getuid?.() ?? 0;
  const root = "/sys/fs/cgroup";
  return {
    root,
    membership: readFileSync("/proc/self/cgroup", "utf8"),
    uid,
    hasSwap: exists("/proc/swaps"),
    userManager: uid === 0 ? undefined : findUserManager(root, uid),
    isWritable,
  };
}

/** user@.service(5): where it listens, and its group, as systemd has them everywhere. */
function findUserManager(root: string, uid: number): ControlGroupHost["userManager"] {
  const directory = join(root, `user.slice/user-${uid}.slice/user@${uid}.service`);
  const runtime = `/run/user/${uid}`;
  const isThere = exists(join(directory, "cgroup.controllers")) && exists(join(runtime, "systemd/private"));
  return isThere ? { directory, runtime } : undefined;
}

/** cgroup v1: a line "4:cpu,cpuacct:/path" of /proc/self/cgroup, mounted as cpu,cpuacct or by a link named cpu. */
export function findHierarchy(controller: string, host: ControlGroupHost): string | undefined {
  for (const line of host.membership.split("\n")) {
    const names = line.split(":")[1] ?? "";
    if (!names.split(",").includes(controller)) continue;
    return [controller, names]
      .map((name) => join(host.root, name))
      .find((path) => exists(join(path, "cgroup.procs")));
  }
  return undefined;
}

/** cgroup v2: the unified hierarchy, alone or beside those of v1. */
export function findUnified(host: Pick<ControlGroupHost, "root">): string | undefined {
  return [host.root, join(host.root, "unified")].find((root) => exists(join(root, "cgroup.controllers")));
}

/** The words of a file; none when it is not there. */
export function words(file: string): string[] {
  return textOf(file)
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** The text of a file; empty when it is not there. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

export function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
