import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground } from "../support/ground.ts";

describe.each(testers())("hooks of $label", (tester) => {
  let ground: Ground;
  beforeAll(() => {
    ground = new Ground(tester);
  });
  afterAll(() => ground.close());

  test("each runs at its moments, in the project, as the developer", async () => {
    const hook = (name: string): string => `echo "${name} $(id -un) $PWD" | tee -a log`;
    const hooks = { onCreate: hook("create"), onStart: hook("start"), onEnter: hook("enter") };
    const project = ground.project({ name: "hooked", hooks });
    const line = (name: string): string => `${name} dev /workspaces/hooked\n`;
    const first = await project.run(["up"]);
    expect(first).toMatchObject({ code: 0, out: "hooked is running\n" });
    expect(first.err).toContain(`onCreate: ${hooks.onCreate}\n${line("create")}`);
    expect(first.err).toContain(`onStart: ${hooks.onStart}\n${line("start")}`);
    expect(project.read("log")).toBe(line("create") + line("start"));

    await project.run(["up"]);
    await project.run(["exec", "--", "true"]);
    expect(project.read("log")).toBe(line("create") + line("start"));

    const shell = await project.run(["shell"], { input: "echo out\n" });
    expect(shell).toMatchObject({ code: 0, out: "out\n", err: line("enter") });

    await project.run(["down"]);
    await project.run(["up"]);
    expect(project.read("log")).toBe(["create", "start", "enter", "start"].map(line).join(""));

    await project.run(["rm"]);
    await project.run(["up"]);
    expect(project.read("log").endsWith(line("create") + line("start"))).toBe(true);
  });

  test("a failing onCreate fails up with its code and output; the next up runs it again", async () => {
    const project = ground.project({
      name: "failing",
      hooks: {
        onCreate: "echo tried >> log; echo why >&2; test -e mended || exit 5",
        onStart: "echo start >> log",
      },
    });
    const { code, out, err } = await project.run(["up"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("why\n");
    expect(err).toContain("error: the hook onCreate ended with exit code 5: echo tried");
    expect(err).toContain("`devenv shell` works in it. Mend the hook, then `devenv up` runs it again.");
    expect(project.read("log")).toBe("tried\n");

    const inside = await project.inside("echo inside");
    expect(inside).toMatchObject({ code: 0, out: "inside\n" });
    expect(inside.err).toContain("a hook of this environment has not come to its end");
    expect((await project.run(["status"])).out).toContain("a hook has not come to its end");
    expect(await project.run(["up"])).toMatchObject({ code: 1 });
    expect(project.read("log")).toBe("tried\ntried\n");

    project.write("mended", "");
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "failing is running\n" });
    expect(project.read("log")).toBe("tried\ntried\ntried\nstart\n");
    expect(await project.inside("true")).toMatchObject({ code: 0, err: "" });
    expect(await project.run(["up"])).toMatchObject({ out: "failing is up to date and running\n" });
    expect(project.read("log")).toBe("tried\ntried\ntried\nstart\n");
  });

  test("a failing onStart is run again without onCreate", async () => {
    const project = ground.project({
      name: "starting",
      hooks: { onCreate: "echo create >> log", onStart: "echo start >> log; test -e mended" },
    });
    const { code, err } = await project.run(["up"]);
    expect(code).toBe(1);
    expect(err).toContain("error: the hook onStart ended with exit code 1: echo start");
    project.write("mended", "");
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(project.read("log")).toBe("create\nstart\nstart\n");
  });

  test("a failing onEnter is told and keeps nobody out", async () => {
    const project = ground.project({ name: "entering", hooks: { onEnter: "exit 4" } });
    await project.run(["up"]);
    expect(await project.run(["shell"], { input: "echo in\n" })).toMatchObject({
      code: 0,
      out: "in\n",
      err: "the hook onEnter ended with exit code 4: exit 4\n",
    });
  });

  test("a hook reads nothing of what is meant for the command", async () => {
    const project = ground.project({ name: "reading", hooks: { onStart: "cat", onEnter: "cat" } });
    const { code, out } = await project.run(["shell"], { input: "echo typed\n" });
    expect({ code, out }).toEqual({ code: 0, out: "typed\n" });
  });

  test("a changed hook applies at its next moment", async () => {
    const project = ground.project({ name: "changing", hooks: { onEnter: "echo old >&2" } });
    await project.run(["up"]);
    const { init } = project;
    project.configure({ name: "changing", hooks: { onEnter: "echo new >&2", onStart: "echo started" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "changing is up to date and running\n" });
    expect(project.init).toEqual(init);
    expect(await project.run(["shell"], { input: "" })).toMatchObject({ code: 0, err: "new\n" });
  });
});
