import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
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
    expect(values("memory.limit_in_bytes", "memory.max")).toEqual([String(64 * 1024 * 1024)]);
    expect(values("pids.max")).toEqual(["40"]);
    expect(values("cpu.max", "cpu.cfs_quota_us").map((text) => text.split(" ")[0])).toEqual(["50000"]);
    for (const group of groups())
      expect(read(join(group, "cgroup.procs")).split("\n")).toContain(`${project.init.pid}`);
    const command = project.start(["exec", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    await command.until("ready");
    for (const group of groups())
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
    // Little enough for a busy host to have it to spare.
    const cpus = 0.1;
    project.configure({ name: "limited", limits: { ...limits, cpus } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const loops = "my @loops = map { my $pid = fork; if (!$pid) { 1 while 1 } $pid } 1..2";
    const end = "sleep 4; kill 9, @loops; wait for @loops";
    const script = `use POSIX; my ($t0) = POSIX::times; ${loops}; ${end}; my ($t, $u, $s, $cu, $cs) = POSIX::times; print(($cu + $cs) / ($t - $t0))`;
    const shares: number[] = [];
    while (shares.length < 10 && Math.abs((shares.at(-1) ?? 0) / cpus - 1) > 0.1) {
      const { out } = await project.run(["exec", "--", "perl", "-e", script]);
      shares.push(Number(out));
    }
    expect(Math.abs((shares.at(-1) ?? 0) / cpus - 1), `measured ${shares.join(", ")}`).toBeLessThanOrEqual(
      0.1,
    );
    project.configure({ name: "limited", limits });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });

  test("of processes hold against a fork bomb, which dies with the environment", async () => {
    // What lights it forks once, for a second time there may be no room already.
    const script = "bomb() { bomb | bomb & }; bomb & echo lit; exec sleep 1000";
    const bomb = project.start(["exec", "--", "bash", "-c", script]);
    try {
      await bomb.until("lit");
      const { limits: found } = await status();
      expect(found.find(({ limit }) => limit === "pids")?.used).toBeLessThanOrEqual(40);
    } finally {
      // A later test lifts the limit, which would let it out.
      expect(await project.run(["down"])).toMatchObject({ code: 0 });
      await bomb.outcome;
    }
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });

  async function status(): Promise<EnvironmentStatus> {
    return JSON.parse((await project.run(["status", "--json"])).out) as EnvironmentStatus;
  }

  test("that change are changed while it runs, for what runs already too", async () => {
    const before = project.init;
    const running = project.start(["exec", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.until("ready");
    project.configure({ name: "limited", limits: { cpus: 0.75, memory: "96MiB", pids: 50 } });
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "limited is running\n" });
    expect(project.init).toEqual(before);
    expect(values("memory.limit_in_bytes", "memory.max")).toEqual([String(96 * 1024 * 1024)]);
    expect(values("pids.max")).toEqual(["50"]);
    expect(values("cpu.max", "cpu.cfs_quota_us").map((text) => text.split(" ")[0])).toEqual(["75000"]);
    expect((await status()).limits.map(({ value }) => value)).toEqual([0.75, 96 * 1024 * 1024, 50]);
    expect((await project.run(["up"])).out).toBe("limited is up to date and running\n");

    project.configure({ name: "limited", limits: { memory: "64MiB" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(project.init).toEqual(before);
    expect(values("pids.max")).toEqual(["max"]);
    expect((await status()).limits.map(({ limit }) => limit)).toEqual(["memory"]);
    running.child.kill();
    await running.outcome;
  });

  test("of memory do not become less than what is in use", async () => {
    const script = '$| = 1; my $held = "x" x 20_000_000; print "ready"; sleep 1000';
    const holder = project.start(["exec", "--", "perl", "-e", script]);
    await holder.until("ready");
    project.configure({ name: "limited", limits: { memory: "16MiB" } });
    const refused = await project.run(["up"]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toMatch(
      /error: limits\.memory: the environment uses [\d.]+ MiB, the new limit is 16\.0 MiB$/m,
    );
    expect(values("memory.limit_in_bytes", "memory.max")).toEqual([String(64 * 1024 * 1024)]);
    holder.child.kill();
    await holder.outcome;
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(values("memory.limit_in_bytes", "memory.max")).toEqual([String(16 * 1024 * 1024)]);
  });

  test("of memory that are new are those of the next start", async () => {
    project.configure({ name: "limited", limits: {} });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const before = project.init;
    project.configure({ name: "limited", limits: { memory: "64MiB" } });
    expect((await project.run(["up"])).err).toContain('limited restarts: "limits.memory" is new');
    expect(project.init).not.toEqual(before);
  });

  test("whose change was cut off are completed by the next up", async () => {
    project.configure({ name: "limited", limits: { memory: "64MiB", pids: 60 } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const { start, ...state } = project.state;
    if (start === undefined) throw new Error("nobody started it");
    rmSync(project.entry);
    project.state = { ...state, stamps: undefined, start: { ...start, changingTo: { pids: 70 } } };
    for (const group of groups().filter((path) => existsSync(join(path, "pids.max"))))
      writeFileSync(join(group, "pids.max"), "70");
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(values("pids.max")).toEqual(["60"]);
    expect(project.state.start).not.toHaveProperty("changingTo");
  });

  function groups(): readonly string[] {
    return project.state.start?.cgroups ?? [];
  }

  function values(...names: string[]): string[] {
    return groups().flatMap((group) =>
      names
        .map((name) => join(group, name))
        .filter((file) => existsSync(file))
        .map(read),
    );
  }
});

const roots = testers().filter(({ uid }) => uid === 0);
if (roots.length > 0)
  describe.each(roots)("limits that are new, for $label", (tester) => {
    let ground: Ground;
    beforeAll(() => {
      ground = new Ground(tester);
    });
    afterAll(() => ground.close());

    test("hold every process that runs, those that are born meanwhile too", async () => {
      const project = ground.project({ name: "growing" });
      expect(await project.run(["up"])).toMatchObject({ code: 0 });
      const before = project.init;
      const born = "echo ready; while :; do (sleep 0.2 & sleep 0.01 & (sleep 0.3 &)); done";
      const restless = project.start(["exec", "--", "sh", "-c", born]);
      await restless.until("ready");
      project.configure({ name: "growing", limits: { pids: 500, cpus: 1.5 } });
      expect(await project.run(["up"])).toMatchObject({ code: 0 });
      expect(project.init).toEqual(before);
      const groups = project.state.start?.cgroups ?? [];
      expect(groups).toHaveLength(existsSync("/sys/fs/cgroup/cgroup.controllers") ? 1 : 2);
      const namespace = readlinkSync(`/proc/${before.pid}/ns/pid`);
      for (const group of groups) {
        const inside = membersInside(namespace);
        const members = read(join(group, "cgroup.procs")).split("\n");
        const still = inside.filter((pid) => existsSync(`/proc/${pid}`));
        expect(still.filter((pid) => !members.includes(pid) && isOutside(pid, group))).toEqual([]);
        expect(members).toContain(String(before.pid));
      }
      restless.child.kill();
      await restless.outcome;
    });
  });

/** Every process of this process namespace, by its number outside. */
function membersInside(namespace: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^[0-9]+$/.test(name) && readlinkSync(`/proc/${name}/ns/pid`) === namespace;
    } catch {
      return false;
    }
  });
}

/** By what the process itself says, which is asked when the list of members is older than the process. */
function isOutside(pid: string, group: string): boolean {
  try {
    if (/\) [ZX] /.test(read(`/proc/${pid}/stat`))) return false;
    return !read(`/proc/${pid}/cgroup`)
      .split("\n")
      .some((line) => group.endsWith(line.replace(/^[^:]*:[^:]*:/, "")));
  } catch {
    return false;
  }
}

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
