import { relative } from "node:path";
import { type ControlGroupHost, findUnified, thisHost } from "./cgroup-host.ts";
import type { ControlGroupPlan } from "./limit-types.ts";

/** A control group as the environment sees it, read-only. */
export interface GroupView {
  readonly directory: string;
  /** Below /sys/fs/cgroup; empty for that itself. */
  readonly name: string;
}

/**
 * What an environment sees of its groups, so that programs find their limits where they look for them; nothing where it
 * has none of its own. Each hierarchy of v1 keeps its name.
 */
export function viewGroups(
  { join, slice }: ControlGroupPlan,
  host: Pick<ControlGroupHost, "root"> = thisHost(),
): GroupView[] {
  const directories = slice === undefined ? join : [slice.directory];
  const isUnified = findUnified(host) === host.root;
  return directories.map((directory) => {
    const [hierarchy = ""] = relative(host.root, directory).split("/");
    return { directory, name: isUnified ? "" : hierarchy };
  });
}
