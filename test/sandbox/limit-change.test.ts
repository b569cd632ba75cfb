import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ControlGroupHost } from "../../src/sandbox/cgroup-host.ts";
import { type PresentLimits, planLimitsChange } from "../../src/sandbox/limit-change.ts";
import type { Limits } from "../../src/sandbox/limit-types.ts";

const shop = { id: "shop", disks: { devices: ["8:0"] } };

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "devenv-change-"));
  const files = {
    "v1/memory/cgroup.procs": "",
    "v1/pids/cgroup.procs": "",
    "v1/pids/devenv-1000/tasks": "",
    "v1/cpu/cgroup.procs": "",
    "v2/cgroup.controllers": "cpu io memory pids\n",
    "v2/cgroup.subtree_control": "cpu io memory pids\n",
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
});
afterAll(() => rmSync(root, { recursive: true }));

function host(version: "v1" | "v2", uid = 0): ControlGroupHost {
  const membership = version === "v1" ? "1:cpu:/\n2:memory:/\n3:pids:/\n" : "0::/\n";
  return { root: join(root, version), membership, uid, hasSwap: true, isWritable: () => true };
}

/** The plan as lines of a shell, without the groups that are there already. */
function show(present: PresentLimits, wanted: Limits, on: ControlGroupHost): string[] {
  const { plan, move, restart } = planLimitsChange(present, wanted, shop, on);
  return [
    ...plan.steps.flatMap((step) => ("file" in step ? [`${step.file} = ${step.value}`] : [])),
    ...move.map((directory) => `move to ${directory}`),
    ...restart.map((reason) => `restart: ${reason}`),
  ]
    .map((line) => line.replaceAll(`${on.root}/`, ""))
    .filter((line) => !line.includes("subtree_control"));
}

const group = (version: "v1" | "v2", ...names: string[]) => names.map((name) => join(root, version, name));

test("another number is written, and nobody moves", () => {
  const present = { limits: { pids: 5 }, groups: group("v1", "pids/devenv/shop") };
  expect(show(present, { pids: 9 }, host("v1"))).toEqual(["pids/devenv/shop/pids.max = 9"]);
});

describe("a limit that is not asked for any more is lifted, where there is one", () => {
  test("on cgroup v1", () => {
    const groups = group("v1", "pids/devenv/shop", "cpu/devenv/shop", "memory/devenv/shop");
    const present = { limits: { cpus: 1, memory: 1000, pids: 5 }, groups };
    expect(show(present, {}, host("v1"))).toEqual([
      "cpu/devenv/shop/cpu.cfs_period_us = 100000",
      "cpu/devenv/shop/cpu.cfs_quota_us = -1",
      "memory/devenv/shop/memory.limit_in_bytes = -1",
      "pids/devenv/shop/pids.max = max",
    ]);
    expect(show({ ...present, groups: [] }, {}, host("v1"))).toEqual([]);
  });

  test("on cgroup v2", () => {
    const limits = { cpus: 1, memory: 1000, swap: 1000, pids: 5, io: { read: 1000 } };
    expect(show({ limits, groups: group("v2", "devenv/shop") }, {}, host("v2"))).toEqual([
      "devenv/shop/cpu.max = max 100000",
      "devenv/shop/memory.max = max",
      "devenv/shop/memory.swap.max = max",
      "devenv/shop/pids.max = max",
      "devenv/shop/io.max = 8:0 rbps=max wbps=max",
    ]);
  });
});

describe("a limit that is new", () => {
  const pids = { limits: { pids: 5 }, groups: [] as string[] };

  test("moves what runs to its group, when root asks", () => {
    const groups = group("v1", "pids/devenv/shop");
    expect(show({ ...pids, groups }, { pids: 5, cpus: 0.5 }, host("v1"))).toEqual([
      "cpu/devenv/shop/cpu.cfs_period_us = 100000",
      "cpu/devenv/shop/cpu.cfs_quota_us = 50000",
      "pids/devenv/shop/pids.max = 5",
      "move to cpu/devenv/shop",
    ]);
    expect(planLimitsChange({ ...pids, groups }, { cpus: 1 }, shop, host("v1")).plan.join).toEqual([
      ...groups,
      ...group("v1", "cpu/devenv/shop"),
    ]);
  });

  test("needs a new start when an ordinary user asks and there is no group of it", () => {
    const nothing = { limits: {}, groups: [] };
    expect(show(nothing, { pids: 5 }, host("v1", 1000)).at(-1)).toBe(
      'restart: "limits.pids" is new, and on cgroup v1 only root moves processes to a new group',
    );
    const groups = group("v1", "pids/devenv-1000/shop");
    expect(show({ ...pids, groups }, { pids: 9 }, host("v1", 1000))).toEqual([
      "pids/devenv-1000/shop/pids.max = 9",
    ]);
  });

  test("of the disk needs a new start", () => {
    expect(show({ limits: { disk: 4096 }, groups: [] }, { disk: 8192 }, host("v1"))).toEqual([
      'restart: "limits.disk" changed',
    ]);
    expect(show({ limits: { disk: 4096 }, groups: [] }, { disk: 4096 }, host("v1"))).toEqual([]);
  });

  test("of memory needs a new start, because what is in use is charged to another group for good", () => {
    const groups = group("v2", "devenv/shop");
    expect(show({ ...pids, groups }, { pids: 5, memory: 4096 }, host("v2")).at(-1)).toBe(
      'restart: "limits.memory" is new, and memory that is in use already would not count',
    );
  });
});

describe("a slice of systemd's user manager", () => {
  const managed: () => ControlGroupHost = () => {
    const directory = join(root, "v2/user@1000.service");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "cgroup.controllers"), "cpu memory pids\n");
    return { ...host("v2", 1000), userManager: { directory, runtime: "/run/user/1000" } };
  };
  const inside = { limits: { pids: 5 }, groups: [], slice: "devenv-shop.slice" };

  test("is told other limits, also that there are none any more", () => {
    const other = planLimitsChange(inside, { pids: 9, cpus: 1 }, shop, managed());
    expect(other).toMatchObject({ restart: [], move: [] });
    expect(other.plan.slice?.properties).toEqual(expect.arrayContaining(["TasksMax=9", "CPUQuota=100%"]));
    const none = planLimitsChange(inside, {}, shop, managed());
    expect(none.restart).toEqual([]);
    expect(none.plan.slice?.properties).toContain("TasksMax=infinity");
  });

  test("needs a new start where there was none", () => {
    const outside = { limits: {}, groups: [] };
    expect(planLimitsChange(outside, { pids: 9 }, shop, managed()).restart).toEqual([
      "it was started without limits, and systemd moves nobody to those that are new",
    ]);
    expect(planLimitsChange(outside, {}, shop, managed())).toMatchObject({
      plan: { steps: [], join: [] },
      restart: [],
    });
  });
});
