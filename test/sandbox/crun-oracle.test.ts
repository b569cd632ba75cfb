import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Host, testers } from "./host.ts";

/** Podman's default capabilities (containers/common, pkg/config/default.go). */
const capabilities = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
  ...["CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"],
];
/** Those of containerd (pkg/oci/spec.go) and Podman together. */
const maskedPaths = [
  ...["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
  ...["/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"],
  ...["/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux"],
];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const mounts = [
  ["/proc", "proc", ["nosuid", "noexec", "nodev"]],
  ["/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]],
  ["/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]],
  ["/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]],
  ["/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]],
  ["/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]],
] as const;

const probe = "cat /proc/self/status; echo ---; cat /proc/self/mountinfo; echo ---; cat /proc/self/limits";

interface Seen {
  readonly status: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Soft and hard limits, infinity for no limit. */
  readonly limits: Readonly<Record<string, readonly [soft: number, hard: number]>>;
}

interface Mount {
  readonly point: string;
  readonly flags: readonly string[];
  readonly type: string;
  /** The part of its file system that is mounted. */
  readonly root: string;
}

const cases = testers().flatMap((tester) => [
  { ...tester, user: "root of a build step", asRoot: true },
  { ...tester, user: "the developer", asRoot: false },
]);

describe.each(cases)("for $label, $user has no more than crun gives", ({ asRoot, ...tester }) => {
  let host: Host;
  let ours: Seen;
  let crun: Seen;

  beforeAll(() => {
    host = new Host(tester);
    const ids = asRoot ? { uid: 0, gid: 0 } : host.identity.user;
    if (asRoot) {
      ours = parse(host.step(probe).output);
    } else {
      const environment = host.call<{ pid: number; startTime: string }>("startEnvironment", {
        ...host.plan(),
        network: "none",
      });
      const plan = { ...host.enterPlan(environment, ["/bin/sh", "-c", probe]), network: "none" as const };
      ours = parse(host.enterWith(plan).stdout.toString());
      host.call("stopEnvironment", environment);
    }
    crun = parse(runWithCrun(ids));
  });
  afterAll(() => host.close());

  function runWithCrun(ids: { uid: number; gid: number }): string {
    const bundle = host.own("bundle");
    const rootfs = host.own("bundle/rootfs");
    for (const name of ["usr", "proc", "sys", "dev"]) mkdirSync(join(rootfs, name));
    for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(rootfs, name));
    const mappings = (map: Host["identity"]["uidMap"]) =>
      map.map(({ inside, outside, count }) => ({ containerID: inside, hostID: outside, size: count }));
    const config = {
      ociVersion: "1.0.0",
      process: {
        terminal: false,
        user: ids,
        args: ["/bin/sh", "-c", probe],
        env: ["PATH=/usr/bin:/bin"],
        cwd: "/",
        capabilities: {
          bounding: capabilities,
          effective: asRoot ? capabilities : [],
          permitted: asRoot ? capabilities : [],
        },
        noNewPrivileges: true,
      },
      root: { path: "rootfs" },
      mounts: [
        ...mounts.map(([destination, type, options]) => ({ destination, type, source: type, options })),
        { destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "ro", "nosuid", "nodev"] },
      ],
      linux: {
        namespaces: ["user", "pid", "ipc", "uts", "mount", "cgroup", "network"].map((type) => ({ type })),
        uidMappings: mappings(host.identity.uidMap),
        gidMappings: mappings(host.identity.gidMap),
        maskedPaths,
        readonlyPaths,
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
        },
      },
    };
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    const state = host.own("crun");
    const words = ["--root", state, "--cgroup-manager=disabled", "run", "--bundle", bundle, "oracle"];
    const env = { PATH: process.env["PATH"], XDG_RUNTIME_DIR: state };
    // crun refuses hosts with both versions of control groups; it gets to see one that is of version 2 only.
    const become = `setpriv --reuid ${tester.uid} --regid ${tester.gid} --clear-groups crun "$@"`;
    const seen = ["-m", "sh", "-ec", `mount -t cgroup2 none /sys/fs/cgroup; exec ${become}`, "sh"];
    const isRoot = process.getuid?.() === 0;
    const { status, stdout, stderr } = isRoot
      ? spawnSync("unshare", [...seen, ...words], { cwd: "/", env })
      : spawnSync("crun", words, { cwd: "/", env });
    expect([status, stderr.toString()]).toEqual([0, ""]);
    return stdout.toString();
  }

  test("capabilities, new privileges, system call filters", () => {
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      const more = number(ours, name, 16) & ~number(crun, name, 16);
      expect([name, more.toString(16)]).toEqual([name, "0"]);
    }
    expect(crun.status["CapBnd"]).toBe("00000000800405fb");
    for (const name of ["NoNewPrivs", "Seccomp", "Seccomp_filters"])
      expect([name, number(ours, name, 10) >= number(crun, name, 10)]).toEqual([name, true]);
    expect(number(crun, "Seccomp", 10)).toBe(2n);
  });

  test("groups, and the processes that it may have come from", () => {
    expect(ours.status["Groups"]?.trim()).toBe("");
    expect(ours.status["TracerPid"]).toBe("0");
    expect(ours.status["NSpid"]?.split(/\s+/)).toHaveLength(1);
  });

  test("what is mounted is as read-only, and without set-user-id, devices and programs", () => {
    const weaker = crun.mounts.flatMap((theirs) => {
      const here = covering(ours.mounts, theirs.point);
      const lost = ["ro", "nosuid", "nodev", "noexec"].filter(
        (flag) => theirs.flags.includes(flag) && !here.flags.includes(flag),
      );
      return lost.map((flag) => `${theirs.point} ${flag}`);
    });
    expect(weaker).toEqual([]);
    const points = crun.mounts.map(({ point }) => point);
    expect(points).toEqual(expect.arrayContaining(["/proc", "/sys", "/dev", "/proc/sys", "/proc/keys"]));
  });

  test("what is masked there is masked here", () => {
    const masks = crun.mounts.filter(({ point }) => maskedPaths.includes(point));
    expect(masks.length).toBeGreaterThan(3);
    for (const { point } of masks) {
      const here = covering(ours.mounts, point);
      // A tmpfs of its own, or the null device.
      expect([point, here.point, here.root === "/null" || here.type === "tmpfs"]).toEqual([
        point,
        point,
        true,
      ]);
    }
  });

  test("limits", () => {
    expect(Object.keys(crun.limits)).toHaveLength(16);
    for (const [name, [soft, hard]] of Object.entries(crun.limits)) {
      const [ourSoft = Number.NaN, ourHard = Number.NaN] = ours.limits[name] ?? [];
      expect([name, ourSoft <= soft, ourHard <= hard]).toEqual([name, true, true]);
    }
  });
});

function number(seen: Seen, name: string, radix: 10 | 16): bigint {
  return BigInt((radix === 16 ? "0x" : "") + (seen.status[name]?.trim() ?? ""));
}

/** The mount that a path is on. */
function covering(all: readonly Mount[], path: string): Mount {
  const above = all.filter(({ point }) => point === "/" || path === point || path.startsWith(`${point}/`));
  // Of several at one point the last one is on top.
  const found = above.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
    undefined,
  );
  if (found === undefined) throw new Error(`nothing is mounted at ${path}`);
  return found;
}

function parse(printed: string): Seen {
  const [status = "", mountinfo = "", limits = ""] = printed.split("---\n");
  return {
    status: Object.fromEntries(lines(status).map((line) => line.split(/:\s*/, 2) as [string, string])),
    mounts: lines(mountinfo).map(mountOf),
    limits: Object.fromEntries(
      lines(limits)
        .slice(1)
        .map((line) => [line.slice(0, 26).trim(), [limit(line.slice(26, 47)), limit(line.slice(47, 68))]]),
    ),
  };
}

/** proc_pid_mountinfo(5): flags of the mount, then behind " - " the type and those of the file system. */
function mountOf(line: string): Mount {
  const [fields = "", behind = ""] = line.split(" - ");
  const [, , , root = "", point = "", flags = ""] = fields.split(" ");
  const [type = "", , system = ""] = behind.split(" ");
  return { point, root, type, flags: [...flags.split(","), ...system.split(",").filter((f) => f === "ro")] };
}

function limit(text: string): number {
  return text.trim() === "unlimited" ? Number.POSITIVE_INFINITY : Number(text.trim());
}

function lines(text: string): string[] {
  return text.trimEnd().split("\n");
}
