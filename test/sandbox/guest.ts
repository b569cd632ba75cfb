// Runs in the virtual machine of cgroup-v2.test.ts as root, and once more as an ordinary user.
import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DevenvError } from "../../src/errors.ts";
import {
  blockDevicesOf,
  changeControlGroups,
  enterEnvironment,
  identityMap,
  planLimits,
  planLimitsChange,
  readUsage,
  runStep,
  type SandboxPlan,
  startEnvironment,
  stopEnvironment,
  systemOperations,
  type Usage,
} from "../../src/sandbox/index.ts";
import { checkLimits, type LimitFindings } from "./limit-checks.ts";

export interface GuestReport {
  readonly controllers: string;
  readonly root: LimitFindings;
  readonly user: LimitFindings;
  /** A limit of what is written a second. */
  readonly io: IoFindings;
  /** What an ordinary user misses where only memory and pids are delegated, as systemd does it. */
  readonly missing: readonly { readonly limit: string; readonly reason: string }[];
  /** What the user is told whose shell runs in a group that is not delegated. */
  readonly stranger: { readonly code: string; readonly message: string; readonly hint?: string };
  /** What is said of more layers than the guest's kernel mounts at once. */
  readonly manyLayers: string;
}

interface IoFindings {
  readonly device: string;
  /** What the kernel says it enforces, and what after the limit was lifted. */
  readonly written: string;
  readonly lifted: string;
  /** How long it took to write 8 MiB to the disk. */
  readonly seconds: number;
  readonly code: number;
  readonly transferred: Usage["io"];
}

const hierarchy = "/sys/fs/cgroup";
const user = { uid: 1000, gid: 1000 };

const [role = "root", place = ""] = process.argv.slice(2);
if (role === "root") {
  delegate(`${hierarchy}/whole`, ["cpu", "memory", "pids"]);
  delegate(`${hierarchy}/part`, ["memory", "pids"]);
  const report: GuestReport = {
    controllers: readFileSync(`${hierarchy}/cgroup.controllers`, "utf8").trim(),
    root: await check("/stores/root"),
    io: await checkIo("/stores/disk"),
    user: asUser("check", `${hierarchy}/whole/user/session`) as LimitFindings,
    missing: asUser("plan", `${hierarchy}/part/user/session`) as GuestReport["missing"],
    stranger: asUser("join", hierarchy) as GuestReport["stranger"],
    manyLayers: await mountMany("/stores/root"),
  };
  console.log(`REPORT ${JSON.stringify(report)}`);
} else {
  writeFileSync(join(place, "cgroup.procs"), String(process.pid));
  process.setgroups?.([]);
  process.setgid?.(user.gid);
  process.setuid?.(user.uid);
  console.log(JSON.stringify(await answer(role)));
}

async function answer(role: string): Promise<unknown> {
  if (role === "check") return await check("/stores/user");
  if (role === "plan") return planLimits({ cpus: 1, pids: 9 }, { id: "x", disks: { devices: [] } }).missing;
  const controlGroups = { steps: [], join: [`${hierarchy}/whole/user/session`] };
  return await startEnvironment({ ...planIn("/stores/user"), controlGroups }).catch((error: DevenvError) => {
    const { code, message, hint } = error;
    return { code, message, hint };
  });
}

async function check(store: string): Promise<LimitFindings> {
  const identity = await identityMap();
  for (const name of ["empty", "run", "run/upper", "run/work"]) mkdirSync(join(store, name));
  return await checkLimits(planIn(store), identity.user, "limits");
}

async function checkIo(store: string): Promise<IoFindings> {
  for (const name of ["empty", "run", "run/upper", "run/work"]) mkdirSync(join(store, name));
  const identity = await identityMap();
  const disks = blockDevicesOf([store]);
  const subject = { id: "io", disks };
  const limits = { io: { write: 2 * 1024 * 1024 } };
  const { plan: controlGroups } = planLimits(limits, subject);
  const plan = planIn(store);
  const environment = await startEnvironment({ ...plan, controlGroups, grace: 0 });
  const groups = controlGroups.join;
  const file = join(groups[0] ?? "", "io.max");
  const written = readFileSync(file, "utf8").trim();
  const begin = performance.now();
  const code = await enterEnvironment({
    process: environment,
    network: plan.network,
    controlGroups: groups,
    command: ["/bin/sh", "-c", "dd if=/dev/zero of=/file bs=1M count=8 conv=fsync 2>/dev/null"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    ...identity.user,
  });
  const seconds = (performance.now() - begin) / 1000;
  const { io: transferred } = await readUsage(groups);
  const change = planLimitsChange({ limits, groups }, {}, subject);
  await changeControlGroups(environment, { ...change.plan, move: change.move });
  const lifted = readFileSync(file, "utf8").trim();
  await stopEnvironment(environment);
  const device = "devices" in disks ? disks.devices.join(" ") : disks.reason;
  return { device, written, lifted, seconds, code, transferred };
}

async function mountMany(store: string): Promise<string> {
  const layers = Array.from({ length: 70 }, (_, index) => String(index).padStart(64, "0"));
  for (const name of layers) mkdirSync(join(store, name));
  const plan = planIn(store);
  const command = { command: ["/bin/true"], env: {}, cwd: "/", uid: 0, gid: 0 };
  return await runStep({ ...plan, ...command, root: { ...plan.root, layers } }).then(
    ({ code }) => `they are mounted, exit code ${code}`,
    ({ message }: DevenvError) => message,
  );
}

function planIn(store: string): SandboxPlan {
  return {
    store,
    root: { layers: ["empty"], upper: "run/upper", work: "run/work" },
    operations: [
      ...systemOperations(),
      { kind: "bind", source: "/usr", target: "/usr", readonly: true },
      { kind: "symlink", target: "/bin", content: "usr/bin" },
    ],
    hostname: "guest",
    network: "host",
  };
}

/** Gives the user a subtree in which groups get these controllers, with a group for what the user runs already. */
function delegate(group: string, controllers: readonly string[]): void {
  const own = `${group}/user`;
  mkdirSync(group);
  enable(hierarchy, ["cpu", "memory", "pids", "io"]);
  enable(group, controllers);
  for (const directory of [own, `${own}/session`]) {
    mkdirSync(directory);
    const files = readdirSync(directory).filter((name) =>
      ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"].includes(name),
    );
    for (const path of [directory, ...files.map((name) => join(directory, name))])
      chownSync(path, user.uid, user.gid);
  }
}

function enable(group: string, controllers: readonly string[]): void {
  writeFileSync(join(group, "cgroup.subtree_control"), controllers.map((name) => `+${name}`).join(" "));
}

function asUser(role: string, group: string): unknown {
  const words = [process.argv[1] ?? "", role, group];
  const { stdout } = spawnSync(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(stdout.toString());
}
