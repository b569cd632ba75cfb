import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

/** A `cat` that says when it can be interrupted. */
const cat = `perl -pe 'BEGIN { $| = 1; print "beg", "un\\n" }'`;
const ctrl = { c: "\u0003", d: "\u0004", z: "\u001a" };

describe.each(testers())("the terminal of $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({ name: "tty", hooks: { onEnter: "echo entered" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  const env = { TERM: "xterm-256color", COLORTERM: "truecolor" };
  /** Debian's own, with colours. */
  const prompt = "\u001b[01;32mdev@tty\u001b[00m:\u001b[01;34m/workspaces/tty\u001b[00m$ ";

  test("has a prompt that says where one is, the size of the window, and follows it", async () => {
    const { shown, ...rest } = await project.terminal(
      ["shell"],
      [
        ["wait", "entered"],
        ["wait", prompt],
        ["type", "stty size; echo $TERM $COLORTERM; tty\n"],
        ["wait", "24 80"],
        ["wait", "xterm-256color truecolor"],
        ["wait", "/dev/pts/"],
        ["wait", prompt],
        ["type", "trap seen=1 WINCH; echo re''ady\n"],
        ["wait", "ready"],
        ["size", 33, 77],
        // The shell itself waits, so that the signal is for it, however late it comes.
        ["type", 'until [ "$seen" ]; do read -rt 0.1; done; echo size=$(stty size)\n'],
        ["wait", "size=33 77"],
        ["type", "ls --color=auto -d /tmp\n"],
        ["wait", "\u001b["],
        ["type", "exit 3\n"],
      ],
      { env },
    );
    expect(shown).not.toMatch(/job control|cannot set terminal|ioctl/);
    expect(rest).toEqual({ code: 3, restored: true });
  });

  test("Ctrl-C ends the command and not the shell; Ctrl-Z and fg hold and go on; Ctrl-D ends the shell", async () => {
    const steps = [
      ["wait", prompt],
      ["type", `${cat}\n`],
      ["wait", "begun\n"],
      ["type", ctrl.c],
      ["wait", prompt],
      ["type", "echo code=$?\n"],
      ["wait", "code=130"],
      ["type", `${cat}\n`],
      ["wait", "begun\n"],
      ["type", ctrl.z],
      ["wait", "Stopped"],
      ["wait", prompt],
      ["type", "jobs; fg\n"],
      ["wait", "Stopped"],
      // At the start of a line it is what fg prints; jobs prints it behind the state.
      ["wait", "\nperl -pe"],
      ["type", "line\n"],
      ["wait", "line\nline"],
      ["type", ctrl.d],
      ["wait", prompt],
      ["type", "(exit 6)\n"],
      ["wait", prompt],
      ["type", ctrl.d],
    ] as const;
    const { shown: _, ...rest } = await project.terminal(["shell"], steps, { env });
    expect(rest).toEqual({ code: 6, restored: true });
  });

  test("exec has it too: Ctrl-C gives the command's code, raw modes do not outlive it", async () => {
    const steps = [
      ["wait", "ready"],
      ["type", ctrl.c],
    ] as const;
    const interrupted = await project.terminal(
      ["exec", "--", "perl", "-e", '$| = 1; print "ready\n"; sleep 1000'],
      steps,
    );
    expect(interrupted).toMatchObject({ code: 130, restored: true });
    const raw = ["exec", "--", "sh", "-c", "stty raw -echo; echo ready; read word; kill -9 $$"];
    expect(await project.terminal(raw, [...steps.slice(0, 1), ["type", "x\n"]])).toMatchObject({
      code: 137,
      restored: true,
    });
  });

  test("starting shows its progress there, and leaves no trace in the terminal's modes", async () => {
    await project.run(["down"]);
    project.touch();
    const { shown, ...rest } = await project.terminal(
      ["shell"],
      [
        ["wait", "starting tty"],
        ["wait", "entered"],
        ["wait", prompt],
        ["type", "exit\n"],
      ],
      { env },
    );
    expect(shown).toContain("the environment is stopped; starting it");
    expect(rest).toEqual({ code: 0, restored: true });
  });

  test("rm asks there, and takes only a yes", async () => {
    const other = ground.project({ name: "asked" });
    await other.run(["up"]);
    const answer = (word: string) =>
      other.terminal(
        ["rm"],
        [
          ["wait", "Remove asked with its home and volumes? [y/N] "],
          ["type", `${word}\n`],
        ],
      );
    expect(await answer("")).toMatchObject({
      code: 1,
      shown: expect.stringContaining("nothing was removed"),
    });
    expect((await other.run(["ps"])).out).toContain(other.root);
    expect(await answer("y")).toMatchObject({ code: 0, shown: expect.stringContaining("asked removed") });
    expect((await other.run(["ps"])).out).not.toContain(other.root);
  });
});
