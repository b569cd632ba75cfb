import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GuestReport } from "./guest.ts";
import { type InitramfsEntry, packInitramfs, programOfHost } from "./initramfs.ts";
import { changedInV2, findingsWhenEnforced, limitsInV2 } from "./limit-checks.ts";
import { bootMachine, fetchKernel, type Kernel, type Machine, testPrograms } from "./machine.ts";

/** In the order in which they need each other. */
const modules = [
  "fs/overlayfs/overlay",
  ...["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"].map(
    (name) => `drivers/virtio/${name}`,
  ),
  "drivers/block/virtio_blk",
];

/** Becomes the first process: a root that pivot_root() can leave, which the kernel's first one is not. */
const init = `#!/bin/sh
export PATH=/usr/bin
mount --bind / /mnt && cd /mnt && mount --move . / && exec chroot . /start
`;
const start = `#!/bin/sh
export PATH=/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs stores /stores
mount -t cgroup2 cgroup /sys/fs/cgroup
for module in ${modules.map((name) => name.replace(/.*\//, "")).join(" ")}; do insmod /modules/$module.ko; done
mkdir /stores/root /stores/user /stores/disk
mount -t ext4 /dev/vda /stores/disk
chown 1000:1000 /stores/user
node /test/guest.mjs
poweroff -f
`;
const applets = ["chown", "chroot", "dd", "insmod", "mkdir", "mount", "poweroff", "sh", "sleep", "timeout"];

let directory: string;
let machine: Machine<GuestReport> | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-machine-"));
});
afterAll(() => {
  machine?.process.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

test("limits hold on cgroup v2, for root and for a user with a delegated subtree; an older kernel says how many layers it takes", async () => {
  const kernel = await fetchKernel(directory);
  const initramfs = join(directory, "initramfs");
  writeFileSync(initramfs, packInitramfs(guestFiles(kernel)));
  // An emulated machine needs about 30 seconds.
  machine = bootMachine({ kernel, initramfs, append: [], memory: 1024, disk: makeDisk(), patience: 240 });
  const report = await machine.report;
  expect(report.controllers.split(" ")).toEqual(expect.arrayContaining(["cpu", "memory", "pids", "io"]));
  for (const { written, changed, ...findings } of [report.root, report.user]) {
    expect(findings).toEqual(findingsWhenEnforced);
    expect(written).toEqual(limitsInV2);
    expect(changed).toEqual(changedInV2);
  }
  const { io } = report;
  expect(io.written).toMatch(new RegExp(`^${io.device} rbps=max wbps=2097152 riops=max wiops=max$`));
  expect(io.code).toBe(0);
  // 8 MiB at 2 MiB a second; a slow machine needs longer.
  expect(io.seconds).toBeGreaterThan(3.6);
  expect(io.transferred?.written).toBeGreaterThanOrEqual(8 * 1024 * 1024);
  expect(io.lifted).toBe("");
  expect(report.missing).toMatchObject([
    {
      limit: "cpus",
      reason: expect.stringContaining('the "cpu" controller is not delegated to you in /sys/fs/cgroup/part'),
    },
  ]);
  expect(report.stranger).toEqual({
    code: "DEVENV_CONTROL_GROUP",
    message: "the control group /sys/fs/cgroup/whole/user/session cannot be joined: Permission denied",
    hint: expect.stringContaining("where the environment was started"),
  });
  // Its kernel is Linux 6.1.
  expect(report.manyLayers).toBe(
    "the image has 70 layers; their names are more than one mount takes before Linux 6.8",
  );
}, 300_000);

function makeDisk(): string {
  const file = join(directory, "disk");
  writeFileSync(file, "");
  truncateSync(file, 64 * 1024 * 1024);
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
  execFileSync("mkfs.ext4", ["-q", "-F", file], { env });
  return file;
}

function guestFiles(kernel: Kernel): InitramfsEntry[] {
  const text = (path: string, content: string): InitramfsEntry => ({ path, mode: 0o644, content });
  return [
    { path: "/dev/console", device: [5, 1] },
    ...["bin", "lib", "lib64"].map((name) => ({ path: `/${name}`, link: `usr/${name}` })),
    ...["mnt", "proc", "sys", "stores", "tmp", "usr/lib", "usr/lib64"].map((name) =>
      text(`/${name}/.keep`, ""),
    ),
    { path: "/init", mode: 0o755, content: init },
    { path: "/start", mode: 0o755, content: start },
    ...modules.map((name) => ({
      path: `/modules/${name.replace(/.*\//, "")}.ko`,
      mode: 0o644,
      content: kernel.module(name),
    })),
    { path: "/usr/bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
    ...applets.map((name) => ({ path: `/usr/bin/${name}`, link: "busybox" })),
    ...["newuidmap", "newgidmap"].flatMap((name) =>
      programOfHost(`/usr/bin/${name}`, `/usr/bin/${name}`, 0o4755),
    ),
    ...testPrograms("guest.ts", directory),
    text("/etc/passwd", "root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/:/bin/sh\n"),
    text("/etc/group", "root:x:0:\ntester:x:1000:\n"),
    text("/etc/subuid", "tester:100000:65536\n"),
    text("/etc/subgid", "tester:100000:65536\n"),
  ];
}
