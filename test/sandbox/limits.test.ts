import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ControlGroupHost } from "../../src/sandbox/cgroup-host.ts";
import { type LimitsPlan, planLimits } from "../../src/sandbox/limits.ts";
import { controlGroupWords } from "../../src/sandbox/plan.ts";

const limits = { cpus: 1.5, memory: 1_000_000, pids: 9 };

const shop = { id: "shop", disks: { devices: ["8:0"] } };

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "devenv-cgroup-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A host that has these files; `writable` are those that whoever asks may write to, all of them for root. */
function host(
  uid: number,
  membership: readonly string[],
  files: Readonly<Record<string, string>>,
  writable?: readonly string[],
): ControlGroupHost {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return {
    root,
    uid,
    membership: membership.join("\n"),
    hasSwap: true,
    isWritable: (path) => writable === undefined || writable.some((name) => join(root, name) === path),
  };
}

/** The plan as lines of a shell, which are short to read. */
function show({ plan, missing }: LimitsPlan): string[] {
  const steps = plan.steps.map((step) =>
    "make" in step ? `mkdir ${step.make}` : `${step.file} = ${step.value}`,
  );
  const lines = [...steps, ...plan.join.map((directory) => `join ${directory}`)];
  return [
    ...lines.map((line) => line.replaceAll(`${root}/`, "")),
    ...missing.map(({ limit }) => `no ${limit}`),
  ];
}

const v1 = ["12:memory:/user", "11:cpu,cpuacct:/", "4:pids:/user", "1:name=systemd:/", "0::/"];
const v1Files = {
  "memory/cgroup.procs": "1\n",
  "memory/memory.memsw.limit_in_bytes": "9223372036854771712\n",
  "cpu,cpuacct/cgroup.procs": "1\n",
  "pids/cgroup.procs": "1\n",
};
const v2Root = {
  "cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
  "cgroup.subtree_control": "memory pids\n",
  "cgroup.procs": "1\n2\n",
};

test("cgroup v1, root: a group for each hierarchy, memory and swap limited together", () => {
  expect(show(planLimits(limits, shop, host(0, v1, v1Files)))).toEqual([
    "mkdir cpu,cpuacct/devenv/shop",
    "cpu,cpuacct/devenv/shop/cpu.cfs_period_us = 100000",
    "cpu,cpuacct/devenv/shop/cpu.cfs_quota_us = 150000",
    "mkdir memory/devenv/shop",
    "memory/devenv/shop/memory.memsw.limit_in_bytes = -1",
    "memory/devenv/shop/memory.limit_in_bytes = 1000000",
    "memory/devenv/shop/memory.memsw.limit_in_bytes = 1000000",
    "mkdir pids/devenv/shop",
    "pids/devenv/shop/pids.max = 9",
    "join cpu,cpuacct/devenv/shop",
    "join memory/devenv/shop",
    "join pids/devenv/shop",
  ]);
});

test("cgroup v1 without accounting of swap: memory alone", () => {
  const { "memory/memory.memsw.limit_in_bytes": _, ...files } = v1Files;
  expect(show(planLimits({ memory: 1 }, shop, host(0, v1, files)))).toEqual([
    "mkdir memory/devenv/shop",
    "memory/devenv/shop/memory.limit_in_bytes = 1",
    "join memory/devenv/shop",
  ]);
});

test("cgroup v1, an ordinary user: below the directories that were given to them, and only there", () => {
  const files = { ...v1Files, "memory/devenv-1000/tasks": "", "pids/devenv-1000/tasks": "" };
  const some = planLimits(limits, shop, host(1000, v1, files, ["memory/devenv-1000"]));
  expect(show(some)).toEqual([
    "mkdir memory/devenv-1000/shop",
    "memory/devenv-1000/shop/memory.memsw.limit_in_bytes = -1",
    "memory/devenv-1000/shop/memory.limit_in_bytes = 1000000",
    "memory/devenv-1000/shop/memory.memsw.limit_in_bytes = 1000000",
    "join memory/devenv-1000/shop",
    "no cpus",
    "no pids",
  ]);
  const place = `${root}/cpu,cpuacct/devenv-1000`;
  expect(some.missing[0]).toEqual({
    limit: "cpus",
    reason: expect.stringContaining(`${place} is not there, or not writable for you`),
    remedy: [`mkdir -p ${place}`, `chown 1000 ${place} ${place}/cgroup.procs ${place}/tasks`],
  });
});

test("cgroup v2, root: controllers are handed down where they are not, swap is switched off", () => {
  expect(show(planLimits(limits, shop, host(0, ["0::/user.slice"], v2Root)))).toEqual([
    "mkdir devenv",
    "cgroup.subtree_control = +cpu",
    "devenv/cgroup.subtree_control = +cpu",
    "mkdir devenv/shop",
    "devenv/shop/cpu.max = 150000 100000",
    "mkdir devenv",
    "devenv/cgroup.subtree_control = +memory",
    "mkdir devenv/shop",
    "devenv/shop/memory.max = 1000000",
    "devenv/shop/memory.swap.max = 0",
    "mkdir devenv",
    "devenv/cgroup.subtree_control = +pids",
    "mkdir devenv/shop",
    "devenv/shop/pids.max = 9",
    "join devenv/shop",
  ]);
});

test("cgroup v2 on a kernel without swap: there is no limit for it", () => {
  const withoutSwap = { ...host(0, ["0::/"], v2Root), hasSwap: false };
  expect(show(planLimits({ memory: 1 }, shop, withoutSwap))).not.toContain("devenv/shop/memory.swap.max = 0");
});

test("cgroup v2, what systemd delegates to a user: memory and pids, and how to get the rest", () => {
  const manager = "user.slice/user-1000.slice/user@1000.service";
  const scope = `${manager}/app.slice/run-1.scope`;
  const files = {
    ...v2Root,
    [`${manager}/cgroup.controllers`]: "memory pids\n",
    [`${manager}/cgroup.subtree_control`]: "memory pids\n",
    [`${manager}/cgroup.type`]: "domain\n",
    [`${manager}/cgroup.procs`]: "",
    [`${scope}/cgroup.procs`]: "77\n",
  };
  const writable = [manager, `${manager}/app.slice`, scope].flatMap((group) => [
    group,
    `${group}/cgroup.procs`,
  ]);
  const found = planLimits(limits, shop, host(1000, [`0::/${scope}`], files, writable));
  expect(show(found)).toEqual([
    `mkdir ${manager}/devenv`,
    `${manager}/devenv/cgroup.subtree_control = +memory`,
    `mkdir ${manager}/devenv/shop`,
    `${manager}/devenv/shop/memory.max = 1000000`,
    `${manager}/devenv/shop/memory.swap.max = 0`,
    `mkdir ${manager}/devenv`,
    `${manager}/devenv/cgroup.subtree_control = +pids`,
    `mkdir ${manager}/devenv/shop`,
    `${manager}/devenv/shop/pids.max = 9`,
    `join ${manager}/devenv/shop`,
    "no cpus",
  ]);
  expect(found.missing[0]?.reason).toBe(`the "cpu" controller is not delegated to you in ${root}/${manager}`);
  expect(found.missing[0]?.remedy.join("\n")).toMatch(
    /Delegate=cpu .*\n.*daemon-reload\n.*restart user@1000/,
  );
});

test("cgroup v2, a user in a session that is not theirs: nothing is delegated, and what helps", () => {
  const session = "user.slice/user-1000.slice/session-3.scope";
  const files = { ...v2Root, [`${session}/cgroup.procs`]: "77\n" };
  const { plan, missing } = planLimits(limits, shop, host(1000, [`0::/${session}`], files, []));
  expect(plan).toEqual({ steps: [], join: [] });
  expect(missing.map(({ limit }) => limit)).toEqual(["cpus", "memory", "pids"]);
  expect(missing[1]).toMatchObject({
    reason: "no control group is yours, and systemd runs no service manager for you",
  });
  expect(missing[1]?.remedy).toEqual([
    expect.stringContaining("libpam-systemd"),
    "loginctl enable-linger 1000",
  ]);
});

describe("cgroup v2, a user with a service manager of systemd", () => {
  const manager = "user.slice/user-1000.slice/user@1000.service";
  const files = { ...v2Root, [`${manager}/cgroup.controllers`]: "cpu memory pids\n" };
  const membership = ["0::/user.slice/user-1000.slice/session-3.scope"];
  const managed = (): ControlGroupHost => ({
    ...host(1000, membership, files, []),
    userManager: { directory: join(root, manager), runtime: "/run/user/1000" },
  });
  const subject = { id: "shop-api-0123", disks: { devices: ["8:0"] } };
  const name = "devenv-shop\\x2dapi\\x2d0123.slice";

  test("has a slice there, whatever group asks, and tells it every limit", () => {
    const { plan, missing } = planLimits({ cpus: 0.125, memory: 4096, pids: 9 }, subject, managed());
    expect(missing).toEqual([]);
    expect(plan).toMatchObject({ steps: [], join: [] });
    const directory = join(root, manager, "devenv.slice", name);
    const settings = ["cpu.max=12500 100000", "memory.max=4096", "memory.swap.max=0", "pids.max=9"];
    expect(plan.slice).toEqual({
      name,
      directory,
      runtime: "/run/user/1000",
      properties: [
        ...["CPUQuota=12.5%", "MemoryMax=4096", "MemorySwapMax=0", "TasksMax=9"],
        ...["IOReadBandwidthMax=", "IOWriteBandwidthMax="],
      ],
      settings: settings.map((text) => {
        const [file = "", value] = text.split("=");
        return { file: join(directory, file), value };
      }),
    });
  });

  test("lifts what is not asked for, and needs nothing without limits", () => {
    expect(planLimits({}, subject, managed()).plan).toEqual({ steps: [], join: [] });
    const { plan } = planLimits({}, { ...subject, isRunning: true }, managed());
    expect(plan.slice?.properties.slice(0, 4)).toEqual([
      ...["CPUQuota=", "MemoryMax=infinity", "MemorySwapMax=infinity", "TasksMax=infinity"],
    ]);
  });

  test("is told which controller it has not got, and how it gets it", () => {
    const { plan, missing } = planLimits({ pids: 9, io: { read: 1000 } }, subject, managed());
    expect(missing).toMatchObject([
      { limit: "io", reason: 'systemd does not delegate the "io" controller to users here' },
    ]);
    expect(missing[0]?.remedy.join("\n")).toMatch(/Delegate=cpu .*\n.*daemon-reload\n.*restart user@1000/);
    expect(plan.slice?.properties).toContain("IOReadBandwidthMax=");
    const given = managed();
    writeFileSync(join(root, manager, "cgroup.controllers"), "io memory\n");
    expect(planLimits({ io: { read: 1000 } }, subject, given).plan.slice?.properties).toContain(
      "IOReadBandwidthMax=/dev/block/8:0 1000",
    );
  });

  test("is joined by way of a scope in it", () => {
    const { plan } = planLimits({ pids: 9 }, subject, managed());
    expect(controlGroupWords(plan)).toEqual(["--cgroup-scope", "/run/user/1000", name]);
  });
});

test("cgroup v2 in a container: its root is not the true one, and keeps its processes", () => {
  const files = { ...v2Root, "cgroup.type": "domain\n", "cgroup.subtree_control": "\n" };
  const { missing } = planLimits({ pids: 9 }, shop, host(0, ["0::/"], files));
  expect(missing).toEqual([
    {
      limit: "pids",
      reason: `${root} has processes of its own, so that groups below it get no controllers`,
      remedy: [`mkdir -p ${root}/init`, `xargs -rn1 < ${root}/cgroup.procs > ${root}/init/cgroup.procs`],
    },
  ]);
  const moved = host(0, ["0::/init"], { ...files, "cgroup.procs": "" });
  expect(planLimits({ pids: 9 }, shop, moved).missing).toEqual([]);
});

test.each([
  ["v1", v1, v1Files, "pids"],
  ["v2", ["0::/"], v2Root, ""],
])("cgroup %s that is mounted read-only, as in most containers", (_, membership, files, hierarchy) => {
  const { missing } = planLimits({ pids: 9 }, shop, host(0, membership, files, []));
  const place = join(root, hierarchy);
  expect(missing).toMatchObject([{ limit: "pids", reason: `${place} is mounted read-only` }]);
  expect(missing[0]?.remedy[0]).toBe(`mount -o remount,rw ${place}`);
});

test("swap that is asked for: beside memory on v2, on top of it on v1", () => {
  const wanted = { memory: 1_000_000, swap: 500_000 };
  expect(show(planLimits(wanted, shop, host(0, ["0::/"], v2Root))).slice(-3)).toEqual([
    "devenv/shop/memory.max = 1000000",
    "devenv/shop/memory.swap.max = 500000",
    "join devenv/shop",
  ]);
  expect(show(planLimits(wanted, shop, host(0, v1, v1Files))).slice(1, 4)).toEqual([
    "memory/devenv/shop/memory.memsw.limit_in_bytes = -1",
    "memory/devenv/shop/memory.limit_in_bytes = 1000000",
    "memory/devenv/shop/memory.memsw.limit_in_bytes = 1500000",
  ]);
});

test("swap that is asked for and not counted is a missing limit", () => {
  const { "memory/memory.memsw.limit_in_bytes": _, ...files } = v1Files;
  const { missing } = planLimits({ memory: 1, swap: 1 }, shop, host(0, v1, files));
  expect(missing).toEqual([
    {
      limit: "swap",
      reason: "the kernel of this host does not count swap",
      remedy: ['# boot with "swapaccount=1"'],
    },
  ]);
});

test("cgroup v1, memory of a group in use: what may fail comes first, and swap is never below", () => {
  const present = { "memory/devenv/shop/memory.memsw.limit_in_bytes": "1000000\n" };
  const plan = (memory: number) =>
    show(planLimits({ memory }, { ...shop, isRunning: true }, host(0, v1, { ...v1Files, ...present }))).slice(
      1,
      3,
    );
  const [less, more] = [500_000, 2_000_000];
  expect(plan(less)).toEqual([
    `memory/devenv/shop/memory.limit_in_bytes = ${less}`,
    `memory/devenv/shop/memory.memsw.limit_in_bytes = ${less}`,
  ]);
  expect(plan(more)).toEqual([
    `memory/devenv/shop/memory.memsw.limit_in_bytes = ${more}`,
    `memory/devenv/shop/memory.limit_in_bytes = ${more}`,
  ]);
});

test("io on cgroup v2: for each disk, with the controller that knows later whose page it was", () => {
  const io = { write: 1000 };
  const two = { id: "shop", disks: { devices: ["8:0", "254:16"] } };
  expect(show(planLimits({ io }, two, host(0, ["0::/"], v2Root)))).toEqual([
    "mkdir devenv",
    "cgroup.subtree_control = +io",
    "devenv/cgroup.subtree_control = +io",
    "devenv/cgroup.subtree_control = +memory",
    "mkdir devenv/shop",
    "devenv/shop/io.max = 8:0 rbps=max wbps=1000",
    "devenv/shop/io.max = 254:16 rbps=max wbps=1000",
    "join devenv/shop",
  ]);
});

test("io is refused where it would not hold: on cgroup v1, and without a disk", () => {
  const io = { read: 1000 };
  const onV1 = planLimits({ io }, shop, host(0, ["3:blkio:/", ...v1], v1Files));
  expect(onV1.missing).toMatchObject([
    { limit: "io", reason: expect.stringContaining("not supported on cgroup v1") },
  ]);
  expect(onV1.plan.steps).toEqual([]);
  const hybrid = { "unified/cgroup.controllers": "io cpu\n" };
  expect(planLimits({ io }, shop, host(0, ["5:memory:/", "0::/"], hybrid)).missing).toMatchObject([
    { limit: "io", reason: expect.stringContaining("not supported on cgroup v1") },
  ]);
  const nowhere = { id: "shop", disks: { reason: "/store is on tmpfs, not on a disk" } };
  expect(planLimits({ io }, nowhere, host(0, ["0::/"], v2Root)).missing).toMatchObject([
    { limit: "io", reason: "/store is on tmpfs, not on a disk" },
  ]);
});

test("both versions at once: each limit where its controller is", () => {
  const membership = ["5:memory:/", "0::/"];
  const files = {
    "memory/cgroup.procs": "",
    "unified/cgroup.controllers": "cpu pids\n",
    "unified/cgroup.subtree_control": "cpu pids\n",
  };
  expect(show(planLimits(limits, shop, host(0, membership, files)))).toEqual([
    "mkdir unified/devenv",
    "unified/devenv/cgroup.subtree_control = +cpu",
    "mkdir unified/devenv/shop",
    "unified/devenv/shop/cpu.max = 150000 100000",
    "mkdir memory/devenv/shop",
    "memory/devenv/shop/memory.limit_in_bytes = 1000000",
    "mkdir unified/devenv",
    "unified/devenv/cgroup.subtree_control = +pids",
    "mkdir unified/devenv/shop",
    "unified/devenv/shop/pids.max = 9",
    "join unified/devenv/shop",
    "join memory/devenv/shop",
  ]);
});

test("no control groups at all, or a controller that is switched off: an error that names it", () => {
  const { plan, missing } = planLimits(limits, shop, host(0, [""], {}));
  expect(plan.steps).toEqual([]);
  expect(missing.map(({ reason }) => reason)).toEqual(
    ["cpu", "memory", "pids"].map((name) => `the kernel of this host has no "${name}" controller`),
  );
  expect(missing[1]?.remedy).toEqual([
    '# boot with a kernel that has it, and without "cgroup_disable=memory"',
  ]);
  const withoutMemory = { ...v2Root, "cgroup.controllers": "cpu pids\n" };
  expect(planLimits(limits, shop, host(0, ["0::/"], withoutMemory)).missing).toMatchObject([
    { limit: "memory" },
  ]);
});

test("what is not limited needs nothing", () => {
  expect(planLimits({}, shop, host(1000, [], {}, []))).toEqual({
    plan: { steps: [], join: [] },
    missing: [],
  });
});
