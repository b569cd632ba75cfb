import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GroupView, viewGroups } from "../../src/sandbox/cgroup-view.ts";
import type { EnvironmentProcess, SandboxPlan } from "../../src/sandbox/index.ts";
import type { LimitsPlan } from "../../src/sandbox/limits.ts";
import { Host, testers } from "./host.ts";

const memory = 256 * 1024 * 1024;
const limits = { cpus: 1, memory, pids: 100 };

/** Tries to change something, by every way to a file and to a mount; prints what was not refused. */
const attack = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
place = "/sys/fs/cgroup"
def call(*arguments):
    ctypes.set_errno(0)
    if libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]) == -1: raise OSError(ctypes.get_errno(), "")
def attempt(what, function):
    try:
        function()
        print("done", what)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.EROFS): print(errno.errorcode[error.errno], what)
index = ["x86_64", "aarch64"].index(os.uname().machine)
MOUNT, UMOUNT, UNSHARE = [(165, 40)[index], (166, 39)[index], (272, 97)[index]]
REMOUNT, BIND = 32, 4096
class Attributes(ctypes.Structure): _fields_ = [(n, ctypes.c_uint64) for n in ("set", "clear", "propagation", "namespace")]
looked, directories = 0, []
for directory, _, names in os.walk(place):
    directories.append(directory)
    for path in [directory] + [os.path.join(directory, name) for name in names]:
        looked += 1
        attempt("chmod " + path, lambda: os.chmod(path, 0o777))
        if path != directory: attempt("open " + path, lambda: os.open(path, os.O_WRONLY))
    attempt("mkdir " + directory, lambda: os.mkdir(directory + "/made"))
    if directory != place: attempt("rmdir " + directory, lambda: os.rmdir(directory))
    name, kind = directory.encode(), b"cgroup"
    attempt("remount " + directory, lambda: call(MOUNT, None, name, None, REMOUNT | BIND, None))
    attempt("remount all " + directory, lambda: call(MOUNT, None, name, None, REMOUNT, None))
    attempt("setattr " + directory, lambda: call(442, -100, name, 0, ctypes.byref(Attributes(0, 1, 0, 0)), 32))
    attempt("unmount " + directory, lambda: call(UMOUNT, name, 2))
    attempt("copy " + directory, lambda: call(428, -100, name, 1))
attempt("mount", lambda: call(MOUNT, b"cgroup", b"/tmp", b"cgroup2", 0, None))
attempt("namespaces", lambda: call(UNSHARE, 0x10000000 | 0x20000))
print(looked > 20, *directories)
`;

describe.each(testers())("what an environment of $label sees of its control groups", (tester) => {
  let host: Host;
  let planned: LimitsPlan["plan"];
  const running: { network: SandboxPlan["network"]; environment: EnvironmentProcess }[] = [];

  beforeAll(() => {
    host = new Host(tester);
    const subject = { id: `view-${process.pid}`, disks: { devices: [] } };
    const { plan, missing } = host.call<LimitsPlan>("planLimits", limits, subject);
    expect(missing).toEqual([]);
    planned = plan;
    for (const network of ["none", "host"] as const) {
      const node = { kind: "bind", source: process.execPath, target: "/node", readonly: true } as const;
      const groups = { controlGroups: plan, groupViews: host.call<[]>("viewGroups", plan) };
      const environment = host.call<EnvironmentProcess>("startEnvironment", {
        ...host.plan([node]),
        ...groups,
        network,
      });
      running.push({ network, environment });
    }
  });
  afterAll(() => {
    for (const { environment } of running) host.call("stopEnvironment", environment);
    host.call("removeControlGroups", planned.join);
    host.close();
  });

  /** What a command prints in each of the environments. */
  function printed(command: readonly string[], ids: { uid?: number; gid?: number } = {}): string[] {
    return running.map(({ network, environment }) => {
      const plan = { ...host.enterPlan(environment, command), network, ...ids };
      const groups = { controlGroups: planned.join, slice: planned.slice };
      const { stdout, stderr } = host.enterWith({ ...plan, ...groups });
      return stdout.toString() + stderr.toString();
    });
  }

  test("programs find their limits where they look for them", () => {
    const found = `${memory}\n`;
    // Where systemd has them, the group of a command is one below the limits, and only the file says what they are.
    const command =
      planned.slice === undefined
        ? ["/node", "-p", "process.constrainedMemory()"]
        : ["cat", "/sys/fs/cgroup/memory.max"];
    expect(printed(command)).toEqual([found, found]);
  });

  test("are these groups and no others of the host", () => {
    const processes = "cat $(find /sys/fs/cgroup -name cgroup.procs) | sort -nu | head -n 2";
    for (const list of printed(["/bin/sh", "-c", processes])) expect(list).toMatch(/^1\n\d+\n$/);
    const root = planned.slice === undefined ? "/" : "/..";
    for (const mounts of printed(["cat", "/proc/self/mountinfo"]))
      for (const { name } of host.call<GroupView[]>("viewGroups", planned)) {
        const fields = mounts.split("\n").map((line) => line.split(" "));
        // What comes along with the host's /sys is below.
        const top = fields.findLast((mount) => mount[4] === join("/sys/fs/cgroup", name));
        expect([name, top?.[3], top?.[5]]).toEqual([name, root, "ro,nosuid,nodev,noexec,relatime"]);
      }
  });

  test.each(["the developer", "root in it"])("%s changes nothing there, and not how it is mounted", (who) => {
    const ids = who === "root in it" ? { uid: 0, gid: 0 } : {};
    const places = host.call<GroupView[]>("viewGroups", planned).map(({ name }) => name);
    const expected = ["", ...places.filter((name) => name !== "")].map((name) =>
      join("/sys/fs/cgroup", name),
    );
    for (const text of printed(["python3", "-c", attack], ids)) {
      const [looked, ...directories] = text.trimEnd().split(" ");
      expect([looked, directories.sort()]).toEqual(["True", expected.sort()]);
    }
  });

  test("is never something else", () => {
    const groupViews = [{ directory: host.own("project"), name: "memory" }];
    const { message } = host.failure("startEnvironment", { ...host.plan(), groupViews });
    expect(message).toMatch(/^\S+\/project is not a control group$/);
  });
});

describe("the names of groups inside", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "devenv-cgroup-"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** Views as "NAME: DIRECTORY", the root of the hierarchies left out. */
  function views(plan: { join: string[]; slice?: string }, unified?: string): string[] {
    const host = mkdtempSync(join(root, "host-"));
    if (unified !== undefined) {
      mkdirSync(join(host, unified), { recursive: true });
      writeFileSync(join(host, unified, "cgroup.controllers"), "");
    }
    const slice = { name: "", runtime: "", properties: [], settings: [] };
    const groups = {
      steps: [],
      join: plan.join.map((name) => join(host, name)),
      ...(plan.slice === undefined ? {} : { slice: { ...slice, directory: join(host, plan.slice) } }),
    };
    return viewGroups(groups, { root: host }).map(
      ({ name, directory }) => `${name}: ${directory.slice(host.length + 1)}`,
    );
  }

  test("v1: those of the hierarchies", () => {
    expect(views({ join: ["cpu,cpuacct/devenv/shop", "memory/devenv/shop"] })).toEqual([
      "cpu,cpuacct: cpu,cpuacct/devenv/shop",
      "memory: memory/devenv/shop",
    ]);
  });

  test("v2 beside v1: as well", () => {
    expect(views({ join: ["memory/devenv/shop", "unified/devenv/shop"] }, "unified")).toEqual([
      "memory: memory/devenv/shop",
      "unified: unified/devenv/shop",
    ]);
  });

  test("v2: the place of all is that of the one, or of the slice", () => {
    expect(views({ join: ["devenv/shop"] }, ".")).toEqual([": devenv/shop"]);
    expect(views({ join: [], slice: "user.slice/devenv-shop.slice" }, ".")).toEqual([
      ": user.slice/devenv-shop.slice",
    ]);
    expect(views({ join: [] }, ".")).toEqual([]);
  });
});
