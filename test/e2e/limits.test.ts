import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnvironmentStatus } from "../../src/environment/status.ts";
import { type Tester, testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

const limits = { cpus: 0.5, memory: "64MiB", pids: 40 };

describe.each(testers())("limits of $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({ name: "limited", limits });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test("are those of the control groups that the environment and its commands are in", async () => {
    const groups = project.state.start?.cgroups ?? [];
    const values = (...names: string[]): string[] =>
      groups.flatMap((group) =>
        names
          .map((name) => join(group, name))
          .filter((file) => existsSync(file))
          .map(read),
      );
    expect(values("memory.limit_in_bytes", "memory.max")).toEqual([String(64 * 1024 * 1024)]);
    expect(values("pids.max")).toEqual(["40"]);
    expect(values("cpu.max", "cpu.cfs_quota_us").map((text) => text.split(" ")[0])).toEqual(["50000"]);
    for (const group of groups)
      expect(read(join(group, "cgroup.procs")).split("\n")).toContain(`${project.init.pid}`);
    const command = project.start(["exec", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    await command.until("ready");
    for (const group of groups)
      expect(read(join(group, "cgroup.procs")).split("\n").length).toBeGreaterThan(1);
    command.child.kill();
    await command.outcome;
  });

  test("are enforced: what wants more memory is killed, what wants more processes gets none", async () => {
    const hungry = await project.run(["exec", "--", "perl", "-e", 'print length("x" x 200_000_000)']);
    expect({ code: hungry.code, out: hungry.out }).toEqual({ code: 137, out: "" });
    const many =
      "my $made = 0; for (1..100) { my $pid = fork; last unless defined $pid; if (!$pid) { sleep 1000 } $made++ } print $made; kill 9, -$$";
    const crowd = await project.run(["exec", "--", "perl", "-e", `$| = 1; ${many}`]);
    expect(Number(crowd.out)).toBeGreaterThan(10);
    expect(Number(crowd.out)).toBeLessThan(40);
    expect(await project.inside("echo well")).toMatchObject({ code: 0, out: "well\n" });
  });

  test("are shown with what is used of them, and with what happened", async () => {
    const { out } = await project.run(["status"]);
    expect(out).toMatch(/^memory +64 MiB, [\d.]+ [KM]?i?B used; killed 1 process at the limit$/m);
    expect(out).toMatch(/^pids +40, \d+ used; refused \d+ process(es)? at the limit$/m);
    expect(out).toMatch(/^cpus +0\.5(; held back for [\d.]+ s)?$/m);
  });

  test("of processors are the share that is got, within a tenth", async () => {
    const loops = "my @loops = map { my $pid = fork; if (!$pid) { 1 while 1 } $pid } 1..2";
    const end = "sleep 3; kill 9, @loops; wait for @loops";
    const script = `use POSIX; my ($t0) = POSIX::times; ${loops}; ${end}; my ($t, $u, $s, $cu, $cs) = POSIX::times; print(($cu + $cs) / ($t - $t0))`;
    const shares: number[] = [];
    // Whoever else is busy on this host may keep it from its share, never give it more.
    while (shares.length < 20 && (shares.at(-1) ?? 0) < 0.45) {
      const { out } = await project.run(["exec", "--", "perl", "-e", script]);
      shares.push(Number(out));
    }
    const message = `measured ${shares.join(", ")}`;
    expect(Math.max(...shares), message).toBeLessThanOrEqual(0.55);
    expect(shares.at(-1), message).toBeGreaterThanOrEqual(0.45);
  });

  test("of processes hold against a fork bomb, which dies with the environment", async () => {
    const bomb = project.start([
      "exec",
      "--",
      "bash",
      "-c",
      "bomb() { bomb | bomb & }; bomb; echo lit; sleep 1000",
    ]);
    await bomb.until("lit");
    const { limits: found } = await status();
    expect(found.find(({ limit }) => limit === "pids")?.used).toBeLessThanOrEqual(40);
    expect(await project.run(["down"])).toMatchObject({ code: 0 });
    await bomb.outcome;
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });

  async function status(): Promise<EnvironmentStatus> {
    return JSON.parse((await project.run(["status", "--json"])).out) as EnvironmentStatus;
  }

  test("that change are those of the next start", async () => {
    project.configure({ name: "limited", limits: { pids: 50 } });
    expect((await project.run(["up"])).err).toContain('limited restarts: "limits" changed in devenv.jsonc');
    const groups = project.state.start?.cgroups ?? [];
    expect(groups.map((group) => read(join(group, "pids.max")))).toEqual(["50"]);
  });
});

/** Only root can take a control group away from a user. */
const ordinary = testers().filter(({ uid }) => uid !== 0 && process.getuid?.() === 0);
if (ordinary.length > 0)
  describe.each(ordinary)("limits of $label to whom no control group was given", (tester) => {
    let ground: Ground;
    beforeAll(() => {
      ground = new Ground(tester);
    });
    afterAll(() => ground.close());

    test("are an error with the way to mend it, unless one does without", async () => {
      const project = ground.project({ name: "unlimited", limits });
      const run = (...words: string[]) => withoutGroups(ground, project, tester, words);
      const refused = run("up");
      expect(refused).toMatchObject({ code: 1, out: "" });
      expect(refused.err).toContain('error: the limit "cpus" cannot be enforced here: ');
      for (const part of [
        'limit "memory"',
        'limit "pids"',
        "As root:",
        "Or do without: --allow-missing-limits",
      ])
        expect(refused.err).toContain(part);
      expect(refused.err).toMatch(/^ +(mkdir|boot|systemctl)/m);
      expect(run("status").out).toMatch(/^state +absent$/m);

      const allowed = run("up", "--allow-missing-limits");
      expect(allowed).toMatchObject({ code: 0, out: "unlimited is running\n" });
      expect(allowed.err).toContain('the limit "memory" is not enforced: ');
      expect(run("status").out).toMatch(/^memory +64 MiB, not enforced: /m);
      expect(run("exec", "--", "echo", "inside")).toMatchObject({ code: 0, out: "inside\n" });
    });
  });

/** In a mount namespace in which the user's control groups are hidden behind a directory of root's. */
function withoutGroups(ground: Ground, project: Project, { uid, gid }: Tester, words: readonly string[]) {
  const hide =
    'for group in /sys/fs/cgroup/*/devenv-"$1"; do [ ! -d "$group" ] || mount --bind /sys/fs/cgroup/systemd "$group"; done';
  const become =
    'uid=$1 gid=$2; shift 2; exec setpriv --reuid "$uid" --regid "$gid" --clear-groups "$0" "$@"';
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--mount", "sh", "-c", `${hide}; ${become}`, ground.program, String(uid), String(gid), ...words],
    { cwd: project.root, env: { ...process.env, XDG_DATA_HOME: ground.data, HOME: "/" }, encoding: "utf8" },
  );
  return { code: status, out: stdout, err: stderr };
}

function read(file: string): string {
  return readFileSync(file, "utf8").trim();
}
