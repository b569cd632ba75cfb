import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../src/sandbox/index.ts";
import { testers } from "../sandbox/host.ts";
import { eventually, Ground, type Project } from "../support/ground.ts";
import { type Mirror, openMirror } from "../support/mirror.ts";

const wish = { name: "cut", packages: ["hello"], limits: { memory: "1GiB", pids: 500 } };

describe.each(testers())("an up of $label that is killed", (tester) => {
  let ground: Ground;
  let fresh: Ground;
  let mirror: Mirror;
  let image: string | undefined;
  let project: Project;
  let groups: readonly string[] = [];

  beforeAll(async () => {
    ground = new Ground(tester);
    const done = ground.project(wish);
    expect(await done.run(["up"])).toMatchObject({ code: 0 });
    image = done.state.image?.digest;
    mirror = await openMirror(done);
    fresh = ground.withOtherStore(["indexes"]);
    project = fresh.project({
      ...wish,
      hooks: {
        onCreate: "echo create >> log; echo in the hook; test -e go || exec sleep 1000",
        onStart: "echo start >> log",
      },
    });
  });
  afterAll(async () => {
    await mirror.close();
    await fresh.close();
    await ground.close();
  });

  async function killAt(moment: string, condition: () => boolean = () => true): Promise<void> {
    const { child, until, outcome } = project.start(["up"], { env: mirror.env });
    try {
      await until(moment);
      await eventually(condition);
    } finally {
      child.kill("SIGKILL");
    }
    expect(await outcome).toMatchObject({ code: null });
  }

  test("while it downloads leaves what is whole, and the next takes only the rest", async () => {
    mirror.pauseAfter(40);
    await killAt("downloading the base", () => mirror.asked.length > 40);
    expect(environments()).toEqual([]);
    const before = mirror.asked.length;
    mirror.goOn();
    await killAt("unpacking the base");
    expect(mirror.asked.length - before).toBeLessThan(blobs().length - 20);
  });

  test.each(["unpacking the base", "configuring the base", "packing the base", "installing the packages"])(
    "while it is %s leaves nothing half made behind a name",
    async (moment) => {
      await killAt(moment);
      expect(environments()).toEqual([]);
      const finished = moment === "installing the packages" ? 1 : 0;
      expect(readdirSync(join(fresh.store, "steps"))).toHaveLength(finished);
    },
  );

  test("while it starts leaves nothing that a later command does not find", async () => {
    await killAt("starting cut");
    const { code, out } = await project.run(["status"]);
    expect({ code, running: /^state +(running|stopped)/m.test(out) }).toEqual({ code: 0, running: true });
  });

  test("in a hook ends the hook; the next one runs it again and all is well", async () => {
    await killAt("in the hook\n");
    const { init } = project;
    await eventually(() => project.read("log").endsWith("create\n"));
    expect((await project.inside("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).out).not.toContain("sleep 1000");
    project.write("go", "");
    const { code, out } = await project.run(["up"], { env: mirror.env });
    expect({ code, out }).toEqual({ code: 0, out: "cut is running\n" });
    expect(project.init).toEqual(init);
    expect(project.read("log").split("start\n")).toEqual([expect.stringMatching(/^(create\n){2,}$/), ""]);
    expect(await project.inside("hello -t")).toMatchObject({
      code: 0,
      out: "hello, world\n",
    });
  });

  test("is forgotten in the end: the same image, two layers, nothing temporary, nothing running after rm", async () => {
    expect(project.state.image?.digest).toBe(image);
    expect(readdirSync(join(fresh.store, "layers"))).toHaveLength(2);
    expect(readdirSync(join(fresh.store, "tmp"))).toEqual([]);
    const { init } = project;
    groups = project.state.start?.cgroups ?? [];
    expect(groups.map((group) => existsSync(group))).toEqual([true, true]);
    expect(await project.run(["rm"])).toMatchObject({ code: 0 });
    expect(await isAlive(init)).toBe(false);
    expect(groups.map((group) => existsSync(group))).toEqual([false, false]);
  });

  test("with control groups made leaves none behind rm", async () => {
    rmSync(join(project.root, "go"));
    await killAt("starting cut", () => groups.every((group) => existsSync(group)));
    const { start: _, ...state } = project.state;
    project.state = state;
    expect(await project.run(["rm"])).toMatchObject({
      code: 0,
      out: "cut removed, with its home and volumes\n",
    });
    expect(environments()).toEqual([]);
    expect(groups.filter((group) => existsSync(group))).toEqual([]);
  });

  function blobs(): string[] {
    return readdirSync(join(fresh.store, "blobs/sha256"));
  }

  function environments(): string[] {
    return readdirSync(join(fresh.store, "environments"));
  }
});
