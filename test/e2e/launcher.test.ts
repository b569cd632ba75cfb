import { mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { eventually, Ground, type Outcome, type Project, type RunOptions } from "../support/ground.ts";
import { isRunning, processesOf } from "../support/network-host.ts";

interface Case extends RunOptions {
  readonly words: readonly string[];
}

const show = "for word; do printf '<%s>' \"$word\"; done";

/** Command lines that the launcher knows, that it leaves to Node, and that are wrong. */
const cases: readonly Case[] = [
  { words: ["up"] },
  { words: ["up", "--frozen"] },
  { words: ["up", "extra"] },
  { words: ["shell", "--", "true"] },
  { words: ["shell", "true"] },
  { words: ["shell"], input: "echo $0; pwd; exit 7\n" },
  { words: ["shell", "--"], input: "exit 6\n" },
  { words: ["shell", "-x"] },
  { words: ["exec"] },
  { words: ["exec", "--"] },
  { words: ["exec", "--", ""] },
  { words: ["exec", ""] },
  { words: ["exec", "--", "env"], env: { TERM: "vt100", COLORTERM: "", LANG: "de_DE.UTF-8", SECRET: "x" } },
  { words: ["exec", "env"], env: { TERM: "", LANG: "", PATH: `${process.env["PATH"]}:/extra` } },
  { words: ["exec", "sh", "-c", show, "sh", "--", "-v", "--help", "a b", "", "ü", "*"] },
  { words: ["exec", "--", "sh", "-c", show, "sh", "--", "-v", "--help", "--allow-missing-limits"] },
  { words: ["exec", "--allow-missing-limits", "--", "echo", "allowed"] },
  { words: ["exec", "--help"] },
  { words: ["exec", "echo", "--help"] },
  { words: ["exec", "-h"] },
  { words: ["exec", "--", "-h"] },
  { words: ["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 3"] },
  { words: ["exec", "--", "sh", "-c", "kill -TERM $$"] },
  { words: ["exec", "--", "cat"], input: Buffer.from([0, 1, 255, 10]) },
  { words: ["exec", "--", "no-such-command"] },
  { words: ["exec", "--", "/etc/passwd"] },
  {
    words: [
      "exec",
      "--",
      "sh",
      "-c",
      "umask; ulimit -n >/dev/null; id; cat /proc/self/status | grep -E 'Sig(Ign|Blk)|Cap|NoNew|Seccomp:'",
    ],
  },
  { words: ["exec", "--", "sh", "-c", "ls /proc/self/fd | wc -l; tty"] },
  { words: ["run", "greet"] },
  { words: ["run", "greet", "--", "-v", "a b"] },
  { words: ["run", "greet", "-v", ""] },
  { words: ["run", "greet", "--help"] },
  { words: ["run", "__proto__"] },
  { words: ["run", "gree"] },
  { words: ["run", ""] },
  { words: ["run", "exit"] },
  { words: ["run"] },
  { words: ["unknown"] },
];

describe.each(testers())("for $label, with Node and without,", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({
      name: "both",
      env: { OWN: "1 = 2", TERM: "dumb" },
      tasks: { greet: `echo "hello $#"; ${show}`, exit: "exit 9" },
    });
    mkdirSync(join(project.root, "deep/er"), { recursive: true });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  async function withNode({ words, ...options }: Case): Promise<Outcome> {
    const command = [process.execPath, `${ground.program}.mjs`, ...words];
    return await ground.start(command, { cwd: project.root, ...options }).outcome;
  }

  /** Only programs that are no Node can be found. */
  async function withoutNode(...words: string[]): Promise<Outcome> {
    return await project.run(words, { env: { PATH: "/nowhere" } });
  }
  const needsNode = { code: 1, err: expect.stringContaining("Node.js 20 or newer is needed") };

  test.each(cases)("$words gives the same", async ({ words, ...options }) => {
    const ours = await project.run(words, options);
    const theirs = await withNode({ words, ...options });
    expect(ours).toEqual(theirs);
  });

  test.each([["deep/er"], ["deep"], ["."]])("in %s the working directory is the same", async (below) => {
    const options = { cwd: join(project.root, below) };
    const ours = await project.run(["exec", "--", "pwd"], options);
    expect(ours).toEqual(await withNode({ words: ["exec", "--", "pwd"], ...options }));
    expect(ours.out).toBe(`${join("/workspaces/both", below)}\n`.replace("/.\n", "\n"));
  });

  test("signals that the caller ignores are not ignored inside", async () => {
    const script = (program: string) =>
      `trap '' INT HUP PIPE; exec ${program} exec -- grep SigIgn /proc/self/status`;
    const run = (program: string) =>
      ground.start(["/bin/sh", "-c", script(program)], { cwd: project.root }).outcome;
    const ours = await run(ground.program);
    expect(ours).toMatchObject({ code: 0, out: "SigIgn:\t0000000000000000\n" });
    expect(ours).toEqual(await run(`${process.execPath} ${ground.program}.mjs`));
  });

  test("a running environment is entered, and found up to date, where there is no Node", async () => {
    expect(await withoutNode("exec", "--", "echo", "in")).toMatchObject({ code: 0, out: "in\n", err: "" });
    expect(await withoutNode("shell", "--", "echo", "in")).toMatchObject({ code: 0, out: "in\n", err: "" });
    expect(await withoutNode("run", "exit")).toMatchObject({ code: 9, err: "" });
    expect(await withoutNode("up")).toMatchObject({ code: 0, out: "both is up to date and running\n" });
  });

  test("a stopped one is started without a word, where there is no Node and where there is", async () => {
    await project.run(["down"]);
    if (tester.uid === 0)
      expect(await withoutNode("exec", "--", "echo", "in")).toMatchObject({ code: 0, out: "in\n", err: "" });
    else expect(await project.run(["exec", "--", "echo", "in"])).toMatchObject({ out: "in\n", err: "" });
    const { init } = project;
    expect((await project.run(["status"])).out).toMatch(new RegExp(`process ${init.pid}$`, "m"));
    await project.run(["down"]);
    expect(await withNode({ words: ["exec", "--", "echo", "in"] })).toMatchObject({
      code: 0,
      out: "in\n",
      err: "",
    });
    expect(project.init).not.toEqual(init);
  });

  test.each([
    ["shell", "--"],
    ["exec", "--"],
  ])("for %s a network is Node's to give back whose watcher was killed", async (...words) => {
    const file = join(project.environment, "network");
    const lose = async () => {
      const { watcher, children } = processesOf(file);
      process.kill(watcher, "SIGKILL");
      await eventually(() => ![watcher, ...children].some(isRunning));
    };
    const command = [...words, "echo", "in"];
    await lose();
    expect(await withoutNode(...command)).toMatchObject(needsNode);
    const ours = await project.run(command);
    const err = "both had lost its network (the network helper was ended); starting it again\n";
    expect(ours).toMatchObject({ code: 0, out: "in\n", err });
    expect(await withoutNode(...command)).toMatchObject({ code: 0, out: "in\n", err: "" });
    await lose();
    expect(await withNode({ words: command })).toEqual(ours);
    // One that was killed before packets could flow has left the other name behind.
    await lose();
    renameSync(file, `${file}.starting`);
    expect(await withoutNode(...command)).toMatchObject(needsNode);
    expect(await project.run(command)).toEqual(ours);
  });

  test("16 commands at once start it once", async () => {
    await project.run(["down"]);
    const all = Array.from({ length: 16 }, () =>
      project.run(["exec", "--", "readlink", "/proc/self/ns/pid"]),
    );
    const outcomes = await Promise.all(all);
    expect(outcomes.map(({ code }) => code)).toEqual(Array.from({ length: 16 }, () => 0));
    expect(new Set(outcomes.map(({ out }) => out)).size).toBe(1);
  });

  test.each([
    ["devenv.jsonc", "changed since the last `devenv up`"],
    ["devenv.lock", "changed since the last `devenv up`"],
  ])("a touched %s is Node's to tell", async (name, message) => {
    utimesSync(join(project.root, name), new Date(), new Date());
    expect(await withoutNode("exec", "--", "true")).toMatchObject(needsNode);
    expect(await withoutNode("up")).toMatchObject(needsNode);
    expect((await project.run(["exec", "--", "true"])).err).toContain(message);
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(await withoutNode("exec", "--", "true")).toMatchObject({ code: 0, err: "" });
  });

  test("with debugging asked for it is Node's, and so is what no up has brought to its end", async () => {
    const env = { PATH: "/nowhere", DEVENV_DEBUG: "1" };
    expect(await project.run(["exec", "--", "true"], { env })).toMatchObject(needsNode);
    const hooked = ground.project({ name: "hooked", hooks: { onStart: "test -e mended" } });
    expect(await hooked.run(["up"])).toMatchObject({ code: 1 });
    const env2 = { PATH: "/nowhere" };
    expect(await hooked.run(["exec", "--", "true"], { env: env2 })).toMatchObject(needsNode);
    hooked.write("mended", "");
    expect(await hooked.run(["up"])).toMatchObject({ code: 0 });
    expect(await hooked.run(["exec", "--", "true"], { env: env2 })).toMatchObject({ code: 0 });
    // Its hook would have to run.
    await hooked.run(["down"]);
    expect(await hooked.run(["exec", "--", "true"], { env: env2 })).toMatchObject(needsNode);
  });

  test("a damaged entry file, or none, costs time only", async () => {
    writeFileSync(project.entry, readFileSync(project.entry).subarray(0, 100));
    expect(await withoutNode("exec", "--", "true")).toMatchObject(needsNode);
    rmSync(project.entry);
    expect(await withoutNode("exec", "--", "true")).toMatchObject(needsNode);
    expect(await project.run(["exec", "--", "true"])).toMatchObject({ code: 0 });
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "both is up to date and running\n" });
    expect(await withoutNode("exec", "--", "true")).toMatchObject({ code: 0 });
  });

  test("what is removed leaves nothing to enter", async () => {
    await project.run(["rm", "-y"]);
    expect(await withoutNode("exec", "--", "true")).toMatchObject(needsNode);
  });
});
