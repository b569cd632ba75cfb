// What both versions of control groups are asked, on this host and in a virtual machine.
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  changeControlGroups,
  enterEnvironment,
  type MissingLimit,
  planLimits,
  planLimitsChange,
  readUsage,
  removeControlGroups,
  removeSlice,
  type SandboxPlan,
  startEnvironment,
  stopEnvironment,
  viewGroups,
} from "../../src/sandbox/index.ts";

export interface LimitFindings {
  readonly missing: readonly MissingLimit[];
  /** What the kernel says it enforces. */
  readonly written: Readonly<Record<string, string>>;
  /** The same after a change while it runs. */
  readonly changed: Readonly<Record<string, string>>;
  /** Whether a command inside reads the same, and what of it it could write. */
  readonly inside: { readonly isSame: boolean; readonly writable: readonly string[] };
  readonly modest: { readonly code: number };
  readonly hungry: { readonly code: number };
  readonly busy: { readonly code: number; readonly wasThrottled: boolean };
  readonly bomb: { readonly stays: boolean; readonly refused: boolean };
  /** What somebody is told who enters then. */
  readonly entrance: string;
  readonly usage: { readonly memory: boolean; readonly pids: boolean; readonly killed: number | undefined };
  readonly leftovers: readonly string[];
}

const limits = { cpus: 0.25, memory: 64 * 1024 * 1024, pids: 20 };
const changed = { cpus: 0.5, memory: 96 * 1024 * 1024, swap: 32 * 1024 * 1024 };

const interfaceFiles = [
  ...["cpu.max", "memory.max", "memory.swap.max", "pids.max"],
  ...["cpu.cfs_period_us", "cpu.cfs_quota_us", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
];

/** The limits of {@link checkLimits} as each version has them; what is over the memory limit is not swapped. */
export const limitsInV1 = {
  "cpu.cfs_period_us": "100000",
  "cpu.cfs_quota_us": "25000",
  "memory.limit_in_bytes": "67108864",
  "memory.memsw.limit_in_bytes": "67108864",
  "pids.max": "20",
};
export const limitsInV2 = {
  "cpu.max": "25000 100000",
  "memory.max": "67108864",
  "memory.swap.max": "0",
  "pids.max": "20",
};

/** And what they are after the change, by which pids are lifted. */
export const changedInV1 = {
  "cpu.cfs_period_us": "100000",
  "cpu.cfs_quota_us": "50000",
  "memory.limit_in_bytes": "100663296",
  "memory.memsw.limit_in_bytes": "134217728",
  "pids.max": "max",
};
export const changedInV2 = {
  "cpu.max": "50000 100000",
  "memory.max": "100663296",
  "memory.swap.max": "33554432",
  "pids.max": "max",
};

/** What {@link checkLimits} finds where every limit is enforced, apart from what the kernel calls them. */
export const findingsWhenEnforced: Omit<LimitFindings, "written" | "changed"> = {
  missing: [],
  inside: { isSame: true, writable: [] },
  modest: { code: 0 },
  hungry: { code: 137 },
  busy: { code: 124, wasThrottled: true },
  bomb: { stays: true, refused: true },
  entrance: "the environment has as many processes as its limits allow; end some, or stop it: devenv down",
  usage: { memory: true, pids: true, killed: 1 },
  leftovers: [],
};

/** Starts an environment with limits, and goes to each of them. */
export async function checkLimits(
  plan: SandboxPlan,
  user: { uid: number; gid: number },
  id: string,
): Promise<LimitFindings> {
  const subject = { id, disks: { devices: [] } };
  const { plan: controlGroups, missing } = planLimits(limits, subject);
  const { join: joined, slice } = controlGroups;
  const groups = slice === undefined ? joined : [...joined, slice.directory];
  const environment = await startEnvironment({
    ...plan,
    controlGroups,
    groupViews: viewGroups(controlGroups),
    grace: 0,
  });
  const directory = mkdtempSync(join(tmpdir(), "limits-"));
  const [bombed, looked] = [join(directory, "bomb"), join(directory, "looked")];
  const enter = async (script: string, printed = join(directory, "output")): Promise<number> => {
    const output = openSync(printed, "w");
    try {
      return await enterEnvironment({
        process: environment,
        network: plan.network,
        controlGroups: joined,
        slice,
        command: ["/bin/sh", "-c", script],
        env: { PATH: "/usr/bin:/bin" },
        cwd: "/",
        ...user,
        stdio: { stdin: "ignore", stdout: output, stderr: output },
      });
    } finally {
      closeSync(output);
    }
  };
  try {
    const written = Object.fromEntries(interfaceFiles.flatMap((name) => entry(groups, name)));
    await enter(look, looked);
    const modest = { code: await enter("exec dd if=/dev/zero of=/dev/null bs=16M count=1") };
    const hungry = { code: await enter("exec dd if=/dev/zero of=/dev/null bs=200M count=1") };
    const busy = await enter("timeout 1 sh -c 'while :; do :; done'; test $? -ne 0 && exit 124");
    const wasThrottled = counter(groups, "cpu.stat", "nr_throttled") > 0;
    const { killed, memory = 0, pids = 0 } = await readUsage(groups);
    const usage = { memory: memory > 0, pids: pids > 0, killed };
    // Ends by itself, so that a limit that fails harms this test only.
    const fork = "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done";
    const bomb = enter(`(${fork}); echo over; exec sleep 1000`, bombed);
    while (!readFileSync(bombed, "utf8").includes("over")) await sleep(50);
    const { pids: processes = 0, refused = 0 } = await readUsage(groups);
    const entrance = await enter("true").catch((error: Error) => error.message);
    const present = { limits, groups: joined, slice: slice?.name };
    const change = planLimitsChange(present, changed, subject);
    await changeControlGroups(environment, { ...change.plan, move: change.move });
    const writtenThen = Object.fromEntries(interfaceFiles.flatMap((name) => entry(groups, name)));
    const leftovers = await end();
    await bomb;
    return {
      missing,
      written,
      changed: writtenThen,
      inside: compare(readFileSync(looked, "utf8"), written),
      modest,
      hungry,
      busy: { code: busy, wasThrottled },
      usage,
      bomb: { stays: processes > 10 && processes <= limits.pids, refused: refused > 0 },
      entrance: String(entrance),
      leftovers,
    };
  } finally {
    await end();
    rmSync(directory, { recursive: true });
  }

  async function end(): Promise<string[]> {
    await stopEnvironment(environment);
    await removeControlGroups(joined);
    if (slice !== undefined) await removeSlice(slice);
    return groups.filter((group) => existsSync(group));
  }
}

/** Prints "FILE VALUE" of what the files below /sys/fs/cgroup say, and the path of each that could be written. */
const look = `
for name in ${interfaceFiles.join(" ")}; do
  for path in /sys/fs/cgroup/$name /sys/fs/cgroup/*/$name; do
    test -e $path || continue
    read -r value < $path && echo "$name $value"
    (echo "$value" > $path) 2>/dev/null && echo $path
    break
  done
done
for path in /sys/fs/cgroup /sys/fs/cgroup/*; do
  (echo 0 > $path/cgroup.procs) 2>/dev/null && echo $path/cgroup.procs
  mkdir $path/made 2>/dev/null && echo $path/made
done`;

function compare(printed: string, written: LimitFindings["written"]): LimitFindings["inside"] {
  const lines = printed.split("\n").filter((line) => line !== "");
  const values = lines.filter((line) => !line.startsWith("/"));
  const expected = Object.entries(written).map(([name, value]) => `${name} ${value}`);
  const isSame = JSON.stringify(values) === JSON.stringify(expected);
  return { isSame, writable: lines.filter((line) => line.startsWith("/")) };
}

function entry(groups: readonly string[], name: string): [string, string][] {
  const file = groups.map((group) => join(group, name)).find((path) => existsSync(path));
  return file === undefined ? [] : [[name, readFileSync(file, "utf8").trim()]];
}

/** A line "KEY NUMBER" of such a file; -1 without one. */
function counter(groups: readonly string[], name: string, key: string): number {
  const text = entry(groups, name)[0]?.[1] ?? "";
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? -1 : Number(line.slice(key.length + 1));
}
