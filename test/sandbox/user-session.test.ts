import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Ground } from "../support/ground.ts";
import { testers } from "./host.ts";
import { type InitramfsEntry, packInitramfs } from "./initramfs.ts";
import { changedInV2, findingsWhenEnforced, limitsInV2 } from "./limit-checks.ts";
import { bootMachine, fetchKernel, type Machine, testPrograms } from "./machine.ts";
import type { SessionReport } from "./session-guest.ts";

/** Debian's systemd as on a server that somebody logs in to, made by ourselves. */
const packages = ["dbus", "dbus-user-session", "libpam-systemd", "systemd", "systemd-sysv", "uidmap"];

/** The first process becomes systemd, on a root that pivot_root() can leave. */
const init = `#!/bin/sh
mount --bind / /mnt && cd /mnt && mount --move . / && exec chroot . /sbin/init
`;
const target = `[Unit]
Requires=basic.target check.service
AllowIsolate=yes
`;
const service = `[Unit]
After=basic.target dbus.socket systemd-logind.service
Wants=systemd-logind.service
[Service]
Type=oneshot
ExecStart=/test/check
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;
const check = `#!/bin/sh
busybox insmod /overlay.ko
mount -t tmpfs stores /stores
mkdir /stores/user
chown 1000:1000 /stores/user
su -l dev -c "node /test/guest.mjs" 2>&1
sleep 1
poweroff -f
`;
/** What a machine without hardware does not need, and would wait for. */
const masked = [
  ...["systemd-udevd", "systemd-udev-trigger", "systemd-timesyncd", "systemd-random-seed"],
  ...["systemd-modules-load", "systemd-journal-flush", "systemd-binfmt", "systemd-hwdb-update"],
].map((name) => `${name}.service`);

let ground: Ground;
let directory: string;
let machine: Machine<SessionReport> | undefined;

beforeAll(() => {
  ground = new Ground(testers()[0] ?? { label: "nobody", uid: -1, gid: -1 });
  directory = mkdtempSync(join(tmpdir(), "devenv-session-"));
});
afterAll(async () => {
  machine?.process.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
  await ground.close();
});

test("limits hold for an ordinary user in a plain login session, by way of systemd's user manager", async () => {
  const root = await makeRoot();
  const kernel = await fetchKernel(directory);
  const initramfs = join(directory, "initramfs");
  const own = ownFiles(root, kernel.module("fs/overlayfs/overlay"));
  writeFileSync(initramfs, packInitramfs([...filesOf(root), ...own]));
  const append = ["systemd.unit=check.target", "systemd.show_status=0"];
  machine = bootMachine({ kernel, initramfs, append, memory: 1536, patience: 400 });
  const report = await machine.report;
  expect(report.membership).toMatch(/^0::\/user\.slice\/user-1000\.slice\/session-\w+\.scope$/);
  const { written, changed, ...findings } = report.sandbox;
  expect(findings).toEqual(findingsWhenEnforced);
  expect(written).toEqual(limitsInV2);
  expect(changed).toEqual(changedInV2);
  expect(report.missing).toMatchObject([
    { limit: "io", reason: 'systemd does not delegate the "io" controller to users here' },
  ]);
  const { first, ...later } = report.environment;
  expect(first).toMatchObject({ pids: "30", changed: true });
  expect(later).toEqual({
    hungry: 137,
    killed: 1,
    changed: { process: first.process, pids: "40", changed: true },
    notes: [],
    remains: false,
  });
}, 600_000);

/** Resolves to a directory with the files of the image; their owners do not matter. */
async function makeRoot(): Promise<string> {
  const project = ground.project({ name: "machine", packages });
  const { code, err } = await project.run(["export", "--format", "oci"]);
  expect(code, err).toBe(0);
  const layout = join(project.root, "machine.oci");
  const blob = (digest: string) => join(layout, "blobs", digest.replace(":", "/"));
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const manifest = read(blob(read(join(layout, "index.json")).manifests[0].digest)) as {
    layers: { digest: string }[];
  };
  const root = join(directory, "root");
  mkdirSync(root);
  const options = ["--extract", "--preserve-permissions", "--no-same-owner"];
  for (const { digest } of manifest.layers) execFileSync("tar", [...options, "-C", root, "-f", blob(digest)]);
  return root;
}

/** Without what only takes memory. */
const needless =
  /^\/(usr\/share\/(doc|man|locale|info|zoneinfo|perl)|usr\/lib\/[^/]+\/gconv|var\/(cache|lib\/apt))$/;

function filesOf(root: string, path = ""): InitramfsEntry[] {
  if (needless.test(path)) return [];
  return readdirSync(join(root, path)).flatMap((name): InitramfsEntry[] => {
    const entry = `${path}/${name}`;
    const status = lstatSync(join(root, entry));
    const mode = status.mode & 0o7777;
    if (status.isDirectory()) return [{ path: entry, mode, directory: true }, ...filesOf(root, entry)];
    if (status.isSymbolicLink()) return [{ path: entry, link: readlinkSync(join(root, entry)) }];
    return [{ path: entry, mode, content: readFileSync(join(root, entry)) }];
  });
}

function ownFiles(root: string, overlay: Buffer): InitramfsEntry[] {
  const text = (path: string, content: string, mode = 0o644): InitramfsEntry => ({ path, mode, content });
  const unit = (name: string) => `/etc/systemd/system/${name}`;
  const shadow = readFileSync(join(root, "etc/shadow"), "utf8");
  return [
    { path: "/dev/console", device: [5, 1] },
    text("/init", init, 0o755),
    text(unit("check.target"), target),
    text(unit("check.service"), service),
    text("/test/check", check, 0o755),
    ...masked.map((name): InitramfsEntry => ({ path: unit(name), link: "/dev/null" })),
    // An exported image has the user already.
    text("/etc/shadow", `${shadow}dev:*:19000:0:99999:7:::\n`, 0o600),
    text("/etc/subuid", "dev:100000:65536\n"),
    text("/etc/subgid", "dev:100000:65536\n"),
    text("/etc/machine-id", `${"0123456789abcdef".repeat(2)}\n`),
    text("/etc/fstab", ""),
    { path: "/stores", mode: 0o755, directory: true },
    { path: "/overlay.ko", mode: 0o644, content: overlay },
    { path: "/usr/bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
    ...testPrograms("session-guest.ts", directory),
  ];
}
