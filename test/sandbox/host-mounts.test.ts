import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StepResult } from "../../src/sandbox/index.ts";
import { Host, rootCommand, testers } from "./host.ts";

/** Hosts that are made up in a mount namespace of their own, which only root can do; any user starts the sandbox there. */
const onlyRoot = process.getuid?.() === 0 ? testers() : [];

if (onlyRoot.length === 0)
  test("nobody else makes up a host", () => {
    expect(spawnSync("unshare", ["-m", "true"]).status).not.toBe(0);
  });

describe.each(onlyRoot)("on a host that $label did not make", (tester) => {
  let host: Host;
  let project: string;
  beforeAll(() => {
    host = new Host(tester);
    project = host.own("project");
  });
  afterAll(() => host.close());

  /** Runs a step after a script changed the mounts of its host; `beside` runs at the same time. */
  function stepAfter(mounts: string, script: string, { beside = "", changes = {} } = {}) {
    const plan = host.plan([
      { kind: "bind", source: project, target: "/rw", readonly: false },
      { kind: "bind", source: project, target: "/ro", readonly: true },
    ]);
    const words = host.words("runStep", { ...plan, ...rootCommand(script), network: "none", ...changes });
    const lines = [
      "mount --make-rprivate /",
      mounts,
      `setpriv --reuid ${tester.uid} --regid ${tester.gid} --clear-groups "$@" &`,
      beside,
      "wait $!",
    ];
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["-m", "sh", "-ec", lines.join("\n"), "sh", process.execPath, ...words],
      { cwd: "/", encoding: "utf8", timeout: 60_000 },
    );
    expect(stderr).toBe("");
    const { result, error } = JSON.parse(stdout) as { result?: StepResult; error?: { message: string } };
    return result?.output ?? error?.message ?? "";
  }

  test.each(["/dev/null", "/dev/zero", "/dev/urandom", "/dev/tty"])(
    "%s is not passed on when it is another device (CVE-2025-31133)",
    (path) => {
      const mounts = `mount --bind /dev/full ${path}`;
      expect(stepAfter(mounts, "echo started")).toMatch(
        new RegExp(`^${path} of the host is not the device \\d+:\\d+$`),
      );
      expect(
        stepAfter(`touch ${project}/file; mount --bind ${project}/file ${path}`, "echo started"),
      ).toMatch(new RegExp(`^${path} of the host is not the device`));
    },
  );

  test("whatever is mounted below something that is bound in has no set-user-id and no devices either", () => {
    const mounts = [
      `mkdir -p ${project}/sub/deeper`,
      `mount -t tmpfs -o mode=777 sub ${project}/sub`,
      `mkdir ${project}/sub/deeper`,
      `mount -t tmpfs -o mode=777 deeper ${project}/sub/deeper`,
      `mknod -m 666 ${project}/sub/deeper/zero c 1 5`,
      `cp /usr/bin/id ${project}/sub/deeper/id`,
      `chmod 4755 ${project}/sub/deeper/id`,
    ];
    const script = [
      "grep -oE ' /(rw|ro)[a-z/]* [a-z]+[^ ]*,[^ ]*' /proc/self/mountinfo | sed 's/,relatime//'",
      "touch /ro/sub/deeper/made 2>&1 | grep -o Read-only",
      "touch /rw/sub/deeper/made && ls /rw/sub/deeper",
      "cat /rw/sub/deeper/zero 2>&1 | grep -o 'Permission denied'",
    ];
    expect(stepAfter(mounts.join("\n"), script.join("\n")).trimEnd().split("\n")).toEqual([
      ...["", "/sub", "/sub/deeper"].map((path) => ` /rw${path} rw,nosuid,nodev`),
      ...["", "/sub", "/sub/deeper"].map((path) => ` /ro${path} ro,nosuid,nodev`),
      ...["Read-only", "id", "made", "zero", "Permission denied"],
    ]);
  });

  test("what the host mounts later does not come in", () => {
    const beside = [
      `for i in $(seq 1000); do test -e ${project}/ready && break; sleep 0.01; done`,
      `mount -t tmpfs later ${project}/later`,
      `touch ${project}/later/seen ${project}/go`,
    ].join("\n");
    const script = [
      "touch /rw/ready; for i in $(seq 1000); do test -e /rw/go && break; sleep 0.01; done",
      "ls -A /rw/later; grep -c later /proc/self/mountinfo; grep -cE 'shared:|master:' /proc/self/mountinfo",
    ].join("\n");
    const mounts = `mkdir ${project}/later; rm -f ${project}/ready ${project}/go; mount --make-rshared /`;
    expect(stepAfter(mounts, script, { beside, changes: host.identity.user })).toBe("0\n0\n");
  });

  test("how hot its processors are stays its own", () => {
    const processors = "/sys/devices/system/cpu";
    const mounts = [
      `mount -t tmpfs cpu ${processors}`,
      `mkdir -p ${processors}/cpu0/thermal_throttle ${processors}/cpu17/thermal_throttle ${processors}/cpufreq`,
      `echo 7 | tee ${processors}/cpu0/thermal_throttle/count > ${processors}/cpu17/thermal_throttle/count`,
      `echo 8 > ${processors}/cpufreq/kept`,
    ].join("\n");
    const script = `cd ${processors}; ls -d cpu*/thermal_throttle; ls -A cpu*/thermal_throttle/; cat cpufreq/kept`;
    expect(
      stepAfter(mounts, script, { changes: { network: "host" } })
        .trimEnd()
        .split("\n"),
    ).toEqual([
      ...["cpu0/thermal_throttle", "cpu17/thermal_throttle"],
      ...["cpu0/thermal_throttle/:", "", "cpu17/thermal_throttle/:", "8"],
    ]);
  });
});
