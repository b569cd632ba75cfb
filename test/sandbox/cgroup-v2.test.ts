import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openIndexes, packageUrls, resolveMirrors } from "../../src/sources/debian/index.ts";
import { downloadBlobs, openStore } from "../../src/store/index.ts";
import type { GuestReport } from "./guest.ts";
import { type InitramfsEntry, packInitramfs, programOfHost } from "./initramfs.ts";
import { findingsWhenEnforced, limitsInV2 } from "./limit-checks.ts";

/** Seconds until a virtual machine has failed; an emulated one needs about 30. */
const patience = 240;

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
insmod /overlay.ko
mkdir /stores/root /stores/user
chown 1000:1000 /stores/user
node /test/guest.mjs
poweroff -f
`;
const applets = ["chown", "chroot", "dd", "insmod", "mkdir", "mount", "poweroff", "sh", "sleep", "timeout"];

let directory: string;
let running: ChildProcess | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-machine-"));
});
afterAll(() => {
  running?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

test("limits hold on cgroup v2, for root and for a user with a delegated subtree; an older kernel says how many layers it takes", async () => {
  const kernel = await fetchKernel();
  const initramfs = join(directory, "initramfs");
  writeFileSync(initramfs, packInitramfs(guestFiles(kernel.overlay)));
  const report = await boot(kernel.image, initramfs);
  expect(report.controllers.split(" ")).toEqual(expect.arrayContaining(["cpu", "memory", "pids"]));
  for (const { written, ...findings } of [report.root, report.user]) {
    expect(findings).toEqual(findingsWhenEnforced);
    expect(written).toEqual(limitsInV2);
  }
  expect(report.missing).toMatchObject([
    {
      limit: "cpus",
      reason: expect.stringContaining('the "cpu" controller is not delegated to you in /sys/fs/cgroup/part'),
    },
  ]);
  expect(report.stranger).toEqual({
    code: "DEVENV_CONTROL_GROUP",
    message: "the control group /sys/fs/cgroup/whole/user/session cannot be joined: Permission denied",
    hint: expect.stringContaining("systemd-run --user --scope"),
  });
  // Its kernel is Linux 6.1.
  expect(report.manyLayers).toBe(
    "the image has 70 layers; their names are more than one mount takes before Linux 6.8",
  );
}, 300_000);

/** Debian's kernel, the same on every host, through our own door to the archive. */
async function fetchKernel(): Promise<{ image: string; overlay: string }> {
  const store = await openStore(join(directory, "store"));
  const mirrors = resolveMirrors();
  const index = (await openIndexes("bookworm", ["amd64"], { store, mirrors })).get("amd64");
  const meta = index?.byName("linux-image-cloud-amd64").at(-1);
  const name = /linux-image-\S+/.exec(meta?.depends ?? "")?.[0] ?? "";
  const record = index?.byName(name).at(-1);
  if (record === undefined) throw new Error(`no kernel ${name} in the archive`);
  await downloadBlobs(store, [{ ...record, urls: packageUrls(mirrors, record) }]);
  const files = join(directory, "kernel");
  execFileSync("dpkg-deb", ["-x", store.blobPath(record.sha256), files]);
  const version = name.replace("linux-image-", "");
  return {
    image: join(files, "boot", `vmlinuz-${version}`),
    overlay: join(files, "lib/modules", version, "kernel/fs/overlayfs/overlay.ko"),
  };
}

function guestFiles(overlay: string): InitramfsEntry[] {
  const bundle = join(directory, "guest.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "guest.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: bundle,
    logLevel: "error",
  });
  const text = (path: string, content: string): InitramfsEntry => ({ path, mode: 0o644, content });
  return [
    { path: "/dev/console", device: [5, 1] },
    ...["bin", "lib", "lib64"].map((name) => ({ path: `/${name}`, link: `usr/${name}` })),
    ...["mnt", "proc", "sys", "stores", "tmp", "usr/lib", "usr/lib64"].map((name) =>
      text(`/${name}/.keep`, ""),
    ),
    { path: "/init", mode: 0o755, content: init },
    { path: "/start", mode: 0o755, content: start },
    { path: "/overlay.ko", mode: 0o644, content: readFileSync(overlay) },
    { path: "/usr/bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
    ...applets.map((name) => ({ path: `/usr/bin/${name}`, link: "busybox" })),
    ...programOfHost(process.execPath, "/usr/bin/node"),
    ...["newuidmap", "newgidmap"].flatMap((name) =>
      programOfHost(`/usr/bin/${name}`, `/usr/bin/${name}`, 0o4755),
    ),
    { path: "/test/guest.mjs", mode: 0o644, content: readFileSync(bundle) },
    ...["devenv-sandbox", "devenv-layers"].map((name) => ({
      path: `/test/${name}`,
      mode: 0o755,
      content: readFileSync(resolve(import.meta.dirname, "../../dist", name)),
    })),
    text("/etc/passwd", "root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/:/bin/sh\n"),
    text("/etc/group", "root:x:0:\ntester:x:1000:\n"),
    text("/etc/subuid", "tester:100000:65536\n"),
    text("/etc/subgid", "tester:100000:65536\n"),
  ];
}

/** Resolves to what the guest reports; rejects with the end of its console. */
function boot(kernel: string, initramfs: string): Promise<GuestReport> {
  const words = [
    ...["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-m", "1024", "-smp", "2"],
    ...["-accel", "tcg,thread=multi", "-cpu", "max"],
    ...["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1 cgroup_no_v1=all"],
  ];
  const child = spawn("qemu-system-x86_64", words, { stdio: ["ignore", "pipe", "pipe"] });
  running = child;
  let console = "";
  const take = (piece: string) => {
    console += piece;
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience * 1000);
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", () => {
      clearTimeout(timer);
      const line = /^REPORT (.*?)\r?$/m.exec(console)?.[1];
      if (line === undefined)
        fail(new Error(`the virtual machine reported nothing:\n${console.slice(-4000)}`));
      else done(JSON.parse(line) as GuestReport);
    });
  });
}
