import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

describe.each(testers())("exec and run of $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({
      name: "worker",
      env: { GREETING: "hello $HOME", PATH: "/workspaces/worker/bin:/usr/bin:/bin", LANG: "C" },
      tasks: {
        greet: 'echo "task: $GREETING" in "$PWD" with',
        many: 'for word in "$@"; do printf "<%s>" "$word"; done; :',
        fail: "exit 7",
      },
    });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test.each([
    ["exit 0", 0],
    ["exit 3", 3],
    ["exit 124", 124],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
    ["kill -SEGV $$", 139],
  ])("the exit code of %s is %i", async (script, code) => {
    expect(await project.inside(script)).toMatchObject({ code, out: "", err: "" });
  });

  test("a command that is not there, or is none, is told as a shell tells it", async () => {
    const missing = await project.run(["exec", "--", "no-such-command"]);
    expect(missing).toMatchObject({ code: 127, out: "" });
    expect(missing.err).toContain("no-such-command");
    expect(await project.run(["exec", "--", "/etc"])).toMatchObject({ code: 126, out: "" });
  });

  test("words reach the command as they are, with and without --", async () => {
    const words = ["printf", "<%s>", "a b", "", "--json", "-h", "$HOME", "*", "é\n"];
    const out = "<a b><><--json><-h><$HOME><*><é\n>";
    expect(await project.run(["exec", "--", ...words])).toMatchObject({ code: 0, out });
    expect(await project.run(["exec", ...words])).toMatchObject({ code: 0, out });
    expect(await project.run(["exec", "--", "printf", "%s", "--"])).toMatchObject({ code: 0, out: "--" });
  });

  test("input and output are binary and of any length, errors go their own way", async () => {
    const input = randomBytes(5_000_000);
    const { code, bytes, err } = await project.inside("cat; echo error >&2", { input });
    expect({ code, err }).toEqual({ code: 0, err: "error\n" });
    expect(bytes.equals(input)).toBe(true);
  });

  test("an output that nobody reads any more ends the command", async () => {
    const { start } = ground;
    const words = ["sh", "-c", `"${ground.program}" exec -- yes | head -n 1`];
    const { outcome } = start.call(ground, words, { cwd: project.root });
    expect(await outcome).toMatchObject({ code: 0, out: "y\n" });
  });

  test("a signal sent to devenv reaches the command", async () => {
    const script = "trap 'echo ended in order; exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    const { child, outcome, until } = project.start(["exec", "--", "sh", "-c", script]);
    await until("ready");
    child.kill("SIGTERM");
    expect(await outcome).toMatchObject({ code: 9, out: "ready\nended in order\n" });
  });

  test("the environment is the configuration's, and nothing of the host's", async () => {
    const secrets = { SSH_AUTH_SOCK: "/run/agent", GITHUB_TOKEN: "secret", NODE_OPTIONS: "--no-warnings" };
    const env = { ...secrets, TERM: "xterm-kitty", COLORTERM: "truecolor" };
    const { out } = await project.run(["exec", "--", "env", "-0"], { env });
    const variables = out.split("\0").filter((line) => line !== "");
    expect(variables.sort()).toEqual([
      "COLORTERM=truecolor",
      "DEVENV_NAME=worker",
      "GREETING=hello $HOME",
      "HOME=/home/dev",
      "LANG=C",
      "LOGNAME=dev",
      "PATH=/workspaces/worker/bin:/usr/bin:/bin",
      "SHELL=/bin/bash",
      "TERM=xterm-kitty",
      "USER=dev",
    ]);
  });

  test("the command is found in the PATH of the configuration", async () => {
    project.write("bin/own", "#!/bin/sh\necho own\n");
    await project.inside("chmod +x bin/own");
    expect(await project.run(["exec", "--", "own"])).toMatchObject({ code: 0, out: "own\n" });
  });

  test("nothing else of the host is seen: no home, no processes, no devices", async () => {
    const script = `ls -A /root ${process.env["HOME"] ?? "/root"} /home; ls -d /proc/[0-9]* | wc -l; ls /dev`;
    const { out } = await project.inside(script);
    expect(out).toContain("/home:\ndev\n");
    const devices =
      "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split(" ");
    const lines = out.trim().split("\n");
    const seen = lines.slice(lines.findIndex((line) => /^\d+$/.test(line)));
    expect(Number(seen[0])).toBeLessThan(10);
    expect(devices).toEqual(expect.arrayContaining(seen.slice(1)));
  });

  test("a task runs in the directory at hand, with further words as its arguments", async () => {
    const cwd = project.root;
    expect(await project.run(["run", "greet", "a b", "--json"], { cwd })).toMatchObject({
      code: 0,
      out: "task: hello $HOME in /workspaces/worker with a b --json\n",
      err: "",
    });
    expect(await project.run(["run", "fail"])).toMatchObject({ code: 7, out: "", err: "" });
    project.write("below/file", "");
    const below = await project.run(["run", "greet"], { cwd: `${cwd}/below` });
    expect(below.out).toBe("task: hello $HOME in /workspaces/worker/below with\n");
  });

  test("an unknown task names those there are", async () => {
    const { code, out, err } = await project.run(["run", "gret"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toBe(
      `error: ${project.root}/devenv.jsonc: there is no task "gret"; did you mean "greet"?\n  There are: greet, many, fail.\n`,
    );
  });

  test("what is stopped is started, and tells so beside the command's own output", async () => {
    await project.run(["down"]);
    project.touch();
    const { code, out, err } = await project.run(["exec", "--", "echo", "here"]);
    expect({ code, out }).toEqual({ code: 0, out: "here\n" });
    expect(err).toBe("the environment is stopped; starting it\nstarting worker\n");
    expect(await project.run(["exec", "--", "true"])).toMatchObject({ code: 0, out: "", err: "" });
  });
});
