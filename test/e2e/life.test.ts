import { spawn } from "node:child_process";
import { readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../src/sandbox/index.ts";
import { testers } from "../sandbox/host.ts";
import { eventually, Ground, type Project } from "../support/ground.ts";
import { startTimeOf } from "../support/leftovers.ts";

const hooks = { onCreate: "echo create >> log", onStart: "echo start >> log" };
const otherBoot = "00000000-0000-4000-8000-000000000000";

describe.each(testers())("an environment of $label", (tester) => {
  let ground: Ground;
  beforeAll(() => {
    ground = new Ground(tester);
  });
  afterAll(() => ground.close());

  /** A project that is up. */
  async function running(name: string): Promise<Project> {
    const project = ground.project({ name, hooks });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(project.read("log")).toBe("create\nstart\n");
    return project;
  }

  test("two up at the same moment start it once", async () => {
    const project = ground.project({ name: "twice", hooks });
    const outcomes = await Promise.all([project.run(["up"]), project.run(["up"]), project.run(["up"])]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(outcomes.map(({ out }) => out).sort()).toEqual([
      "twice is running\n",
      "twice is up to date and running\n",
      "twice is up to date and running\n",
    ]);
    expect(project.read("log")).toBe("create\nstart\n");
  });

  test("two shells at once see each other, and the end of one is not that of the other", async () => {
    const project = await running("shells");
    const first = project.start(["exec", "--", "sh", "-c", "echo first; exec sleep 1000.5"]);
    await first.until("first");
    const second = await project.inside("cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
    expect(second.out).toContain("sleep 1000.5");
    expect(await isAlive(project.init)).toBe(true);
    await project.run(["down"]);
    expect(await first.outcome).toMatchObject({ code: 143 });
  });

  test("is started again after its init process was killed", async () => {
    const project = await running("killed");
    await project.inside("echo text > ~/kept; echo text > /var/tmp/kept");
    const { init } = project;
    process.kill(init.pid, "SIGKILL");
    await eventually(() => startTimeOf(init.pid) !== init.startTime);
    expect((await project.run(["status"])).out).toMatch(/^state +stopped$/m);
    const { code, out, err } = await project.run(["shell"], { input: "cat ~/kept /var/tmp/kept\n" });
    expect({ code, out }).toEqual({ code: 0, out: "text\ntext\n" });
    expect(err).toContain("the environment is stopped; starting it");
    expect(project.read("log")).toBe("create\nstart\nstart\n");
    expect(project.init).not.toEqual(init);
  });

  test("starts after a reboot, and what has its number now is left alone", async () => {
    const project = await running("rebooted");
    await project.run(["down"]);
    const bystander = spawn("sleep", ["1000"], { uid: tester.uid, gid: tester.gid });
    const pid = bystander.pid ?? 0;
    const startTime = startTimeOf(pid) ?? "";
    writeFileSync(join(project.environment, `init-${otherBoot}`), `${pid} ${startTime}\n`);

    expect((await project.run(["status"])).out).toMatch(/^state +stopped$/m);
    expect(await project.run(["down"])).toMatchObject({ code: 0, out: "rebooted was not running\n" });
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "rebooted is running\n" });
    expect(project.init.pid).not.toBe(pid);
    expect(readdirSync(project.environment).filter((name) => name.includes(otherBoot))).toEqual([]);
    expect(startTimeOf(pid)).toBe(startTime);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
  });

  test("never signals another process that came to have its number in the same boot", async () => {
    const project = await running("reused");
    const { startTime } = project.init;
    await project.run(["down"]);
    const bystander = spawn("sleep", ["1000"], { uid: tester.uid, gid: tester.gid });
    const pid = bystander.pid ?? 0;
    writeFileSync(project.pidFile, `${pid} ${startTime}\n`);
    for (const words of [["down"], ["up"], ["rm"]])
      expect(await project.run(words)).toMatchObject({ code: 0 });
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill();
  });

  test.each([
    ["truncated", (text: string) => text.slice(0, 100)],
    ["empty", () => ""],
    ["of another shape", (text: string) => text.replace(/"cgroups": \[[^\]]*\]/, '"cgroups": 3')],
  ])("with a state that is %s is brought up anew, home kept, nothing left running", async (_, damage) => {
    const project = await running("damaged");
    await project.inside("echo text > ~/kept; touch /var/tmp/lost");
    const { init } = project;
    const file = join(project.environment, "state.json");
    writeFileSync(file, damage(JSON.stringify(project.state, undefined, 2)));
    project.touch();
    expect((await project.run(["ps"])).out).toMatch(
      /^damaged-\w+ +running +\d+ +unknown: its state is damaged$/m,
    );
    const up = await project.run(["up"]);
    expect(up, up.err).toMatchObject({ code: 0, out: "damaged is running\n" });
    expect(await isAlive(init)).toBe(false);
    expect(await project.inside("cat ~/kept; ls /var/tmp")).toMatchObject({ code: 0, out: "text\n" });
    expect(project.read("log")).toBe("create\nstart\ncreate\nstart\n");
    const again = project.init;
    writeFileSync(file, damage(JSON.stringify(project.state, undefined, 2)));
    expect(await project.run(["rm"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("damaged removed"),
    });
    expect(await isAlive(again)).toBe(false);
    expect(() => statSync(file)).toThrow("ENOENT");
  });

  test("stays with the place of its project: one that was moved gets another, ps and rm know the old one", async () => {
    const project = await running("moved");
    await project.inside("touch ~/kept");
    const { environment, init } = project;
    const id = environment.slice(environment.lastIndexOf("/") + 1);
    const target = join(dirname(project.root), "elsewhere");
    renameSync(project.root, target);
    const moved = { cwd: target };
    const listed = await ground.start([ground.program, "ps"], moved).outcome;
    expect(listed.out).toMatch(new RegExp(`^${id} +running +${init.pid} +${project.root} \\(gone\\)$`, "m"));
    const run = (...words: string[]) => ground.start([ground.program, ...words], moved).outcome;
    expect((await run("status")).out).toMatch(/^state +absent$/m);
    expect(await run("exec", "--", "ls", "-A", "/home/dev/kept")).toMatchObject({ code: 2 });
    expect(await run("rm", id)).toMatchObject({ code: 0, out: "moved removed, with its home and volumes\n" });
    expect(await isAlive(init)).toBe(false);
    expect((await run("ps")).out).not.toContain(id);
    expect(await run("rm", "no-such-name")).toMatchObject({
      code: 2,
      err: 'error: there is no environment "no-such-name"\n  `devenv ps` lists all.\n',
    });
    expect(await run("exec", "--", "true")).toMatchObject({ code: 0 });
    expect(await run("rm")).toMatchObject({ code: 0 });
  });
});
