import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/environment/doctor/finding.ts";
import { testers, unmapped } from "../sandbox/host.ts";
import { Ground } from "../support/ground.ts";

const trial = ["identity map", "overlayfs", "system mounts", "system call filter", "sandbox"];

describe.each(testers())("devenv doctor of $label", (tester) => {
  test("finds a host on which everything works, and leaves nothing behind", async () => {
    // In the shared store others hold leases.
    const ground = new Ground(tester).withOtherStore([]);
    const cwd = ground.directoryFor("doctor");
    const { code, out, err } = await ground.start([ground.program, "doctor", "--json"], { cwd }).outcome;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const findings = JSON.parse(out) as Finding[];
    expect(findings.filter(({ state }) => state === "missing" || state === "untried")).toEqual([]);
    expect(stateOf(findings, [...trial, "kernel", "user namespaces", "subordinate ids", "store"])).toEqual([
      "ok",
    ]);
    expect(readdirSync(join(ground.store, "tmp"))).toEqual([]);
    const plain = await ground.start([ground.program, "doctor"], { cwd }).outcome;
    expect(plain.code).toBe(0);
    expect(plain.out).toMatch(/^ok +kernel +for every environment +Linux \d/m);
    for (const { name } of findings) expect(plain.out).toContain(` ${name} `);
  });
});

if (process.getuid?.() === 0) {
  const ordinary = testers().filter(({ uid }) => uid !== 0);

  describe.each(ordinary)("devenv doctor of $label on a host that lacks something", (tester) => {
    test.each([
      {
        lack: "user namespaces",
        hide: 'echo 0 > "$1/zero"; mount --bind "$1/zero" /proc/sys/user/max_user_namespaces',
        missing: "user namespaces",
        remedy: "sysctl -w user.max_user_namespaces=15000",
        untried: trial,
      },
      {
        lack: "programs in memory",
        hide: 'echo 2 > "$1/two"; mount --bind "$1/two" /proc/sys/vm/memfd_noexec',
        missing: "programs in memory",
        remedy: "sysctl -w vm.memfd_noexec=1",
        untried: trial,
      },
      {
        lack: "newuidmap",
        hide: "mount --bind /dev/null /usr/bin/newuidmap",
        missing: "newuidmap, newgidmap",
        remedy: "apt-get install uidmap",
        untried: trial,
      },
      {
        lack: "the rights of newgidmap",
        hide: 'cp /usr/bin/newgidmap "$1/mapper"; chmod 755 "$1/mapper"; mount --bind "$1/mapper" /usr/bin/newgidmap',
        missing: "newuidmap, newgidmap",
        remedy: "chmod u+s /usr/bin/newgidmap",
        untried: trial,
      },
      {
        lack: "any way to gain rights",
        hide: "rights=--no-new-privs",
        missing: "newuidmap, newgidmap",
        remedy: "# start it without; a container: without --security-opt no-new-privileges",
        untried: trial,
      },
      {
        lack: "subordinate groups",
        hide: "mount --bind /dev/null /etc/subgid",
        missing: "subordinate ids",
        remedy: "usermod --add-subgids 524288-589823 devenv-test",
        untried: trial,
      },
      {
        lack: "a file system for the store",
        hide: 'mkdir "$1/u" "$1/w" "$1/below"; mount -t overlay -o "lowerdir=$1/below,upperdir=$1/u,workdir=$1/w" overlay "$data"; chown "$2:$3" "$data"',
        missing: "overlayfs",
        remedy: "# or set DEVENV_STORE to a directory on ext4, xfs or btrfs",
        untried: ["system mounts", "system call filter", "sandbox"],
      },
      {
        lack: "a whole /proc",
        hide: "mount --bind /dev/null /proc/cpuinfo",
        missing: "system mounts",
        remedy: expect.stringContaining("systempaths=unconfined"),
        untried: ["system call filter", "sandbox"],
      },
      {
        lack: "flock",
        hide: "mount --bind /dev/null /usr/bin/flock",
        missing: "flock",
        remedy: "apt-get install util-linux",
        untried: [],
      },
    ])("without $lack names the cause once, with what mends it", ({ hide, missing, remedy, untried }) => {
      const { status, stdout, stderr } = doctorWhere(new Ground(tester), hide);
      expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
      const findings = JSON.parse(stdout) as Finding[];
      const lacking = findings.filter(({ state }) => state === "missing");
      expect(lacking.map(({ name }) => name)).toEqual([missing]);
      expect(lacking[0]?.remedy).toContainEqual(remedy);
      const unknown = findings.filter(({ state }) => state === "untried");
      expect(unknown.map(({ name }) => name)).toEqual(untried);
      expect(unknown.filter(({ detail }) => detail !== `not known without: ${missing}`)).toEqual([]);
    });
  });

  test("devenv doctor of a user without subordinate ids says so once", async () => {
    const ground = new Ground(unmapped());
    const cwd = ground.directoryFor("doctor");
    const { code, out, err } = await ground.start([ground.program, "doctor"], { cwd }).outcome;
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(out.match(/^missing .*$/gm)).toEqual([
      expect.stringMatching(
        /subordinate ids .*\/etc\/subuid: 0, \/etc\/subgid: 0; nobody needs 65536 in both/,
      ),
    ]);
    expect(out).toMatch(
      /^ +mended by, as root:\n +usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ nobody$/m,
    );
  });
}

/** Runs it in a mount namespace made by a script: $1 is a directory of root's, $2 and $3 the tester's ids. */
function doctorWhere(ground: Ground, hide: string): SpawnSyncReturns<string> {
  const { uid, gid } = ground.tester;
  const data = ground.directoryFor("data");
  const directory = ground.directoryFor("hidden");
  const script = `set -e; data=$4 program=$5 rights=; ${hide}
    exec setpriv --reuid "$2" --regid "$3" --init-groups $rights "$program" doctor --json`;
  return spawnSync(
    "unshare",
    ["--mount", "sh", "-c", script, "sh", directory, String(uid), String(gid), data, ground.program],
    { cwd: "/", env: { ...process.env, XDG_DATA_HOME: data, HOME: "/" }, encoding: "utf8" },
  );
}

function stateOf(findings: readonly Finding[], names: readonly string[]): Finding["state"][] {
  const found = names.map((name) => findings.find((finding) => finding.name === name)?.state ?? "missing");
  return [...new Set(found)];
}
