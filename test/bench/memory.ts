import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { type Bench, devenv } from "./bench.ts";
import { dockerSide } from "./docker.ts";
import type { Counted, OpenComparisons } from "./measure.ts";
import { initOf, type Tools, toolsImage, up } from "./tools.ts";

export const memoryMeasures = {
  environment: "memory of an idle environment",
  shared: "memory of an idle environment, of which files in memory without a name",
  helper: "memory of an idle environment, its network helper",
};

/**
 * What stays for an environment in which nothing runs: PSS of its processes, and of files in memory that they hold the
 * pages that none of them has mapped.
 */
export async function openMemoryComparisons(bench: Bench, tools: Tools): Promise<OpenComparisons> {
  const docker = await tools.docker();
  const idle = tools.project("idle");
  const apart = tools.project("idle-private", { network: "private" });
  up(bench, idle);
  const own = insideOf(initOf(bench, idle));
  const others = new Set(helpers());
  up(bench, apart);
  const helper = helpers().filter((pid) => !others.has(pid));
  const containers = dockerSide(docker, "containerd-shim", (daemon) => {
    const id = daemon.ask("run", "--detach", "--network", "none", toolsImage, "sleep", "infinity");
    const shim = parentOf(Number(daemon.ask("inspect", "--format", "{{.State.Pid}}", id)));
    return memory("containerd-shim, without its share of the daemons", [shim]);
  });
  const rounds = 3;
  return {
    comparisons: [
      {
        measure: memoryMeasures.environment,
        unit: "KiB",
        aim: 1024,
        rounds,
        ours: memory(`${own.length === 1 ? "init" : `${own.length} processes`}`, own),
        peers: [{ side: containers }],
      },
      {
        measure: memoryMeasures.shared,
        unit: "KiB",
        rounds,
        ours: { name: "init", read: () => filesOf(own).allocated },
        peers: [],
      },
      {
        measure: memoryMeasures.helper,
        unit: "KiB",
        rounds,
        ours: memory("network helper and its watcher", helper),
        peers: [],
      },
    ],
    close: () => {
      for (const project of [idle, apart]) devenv(bench, project, "down");
      if (typeof docker !== "string") docker.removeAll();
    },
  };
}

function memory(name: string, pids: readonly number[]): Counted {
  const pss = (field: string): number => sum(pids.map((pid) => rollupOf(pid, field)));
  return {
    name,
    read: () => {
      const { allocated, mapped } = filesOf(pids);
      return pss("Pss") + Math.max(0, allocated - mapped);
    },
  };
}

/** KiB, as https://docs.kernel.org/filesystems/proc.html has it. */
function rollupOf(pid: number, field: string): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** KiB of files made by memfd_create(2): those that run or are open, and what of them is mapped. */
function filesOf(pids: readonly number[]): { readonly allocated: number; readonly mapped: number } {
  const files = new Map<number, number>();
  for (const pid of pids) {
    const links = [
      `/proc/${pid}/exe`,
      ...readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
    ];
    for (const link of links.filter((one) => readlinkSync(one).startsWith("/memfd:"))) {
      const { ino, blocks } = statSync(link);
      files.set(ino, blocks / 2);
    }
  }
  const allocated = sum([...files.values()]);
  return { allocated, mapped: allocated === 0 ? 0 : sum(pids.map((pid) => rollupOf(pid, "Pss_Shmem"))) };
}

/** All processes of the environment: those in the pid namespace of its init. */
function insideOf(init: number): number[] {
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  return processes().filter((pid) => attempt(() => readlinkSync(`/proc/${pid}/ns/pid`)) === namespace);
}

/** Those that give environments of whomever their network. */
function helpers(): number[] {
  const name = /^(pasta|passt|slirp4netns|devenv-network)/;
  return processes().filter((pid) =>
    name.test(attempt(() => readFileSync(`/proc/${pid}/comm`, "utf8")) ?? ""),
  );
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A process may end while one looks, or be somebody else's. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
