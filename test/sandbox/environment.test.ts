import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { EnvironmentProcess } from "../../src/sandbox/index.ts";
import { commandWords } from "../../src/sandbox/plan.ts";
import { Host, testers } from "./host.ts";
import {
  changedInV1,
  changedInV2,
  findingsWhenEnforced,
  type LimitFindings,
  limitsInV1,
  limitsInV2,
} from "./limit-checks.ts";

interface Shown {
  readonly shown: string;
  readonly code?: number;
  readonly restored?: boolean;
  readonly error?: string;
}

describe.each(testers())("an environment of $label", (tester) => {
  let host: Host;
  let running: EnvironmentProcess;
  let project: string;

  beforeAll(() => {
    host = new Host(tester);
    project = host.own("project");
    running = start();
  });
  afterAll(() => {
    host.call("stopEnvironment", running);
    host.close();
  });

  function start(changes: object = {}): EnvironmentProcess {
    const plan = host.plan([{ kind: "bind", source: project, target: "/workspaces/p", readonly: false }]);
    return host.call<EnvironmentProcess>("startEnvironment", { ...plan, ...changes });
  }

  type Steps = readonly (readonly (string | number)[])[];

  function terminal(command: readonly string[], steps: Steps): Shown {
    return onTerminal(
      [process.execPath, ...host.words("enterEnvironment", host.enterPlan(running, command))],
      steps,
    );
  }

  function onTerminal(words: readonly string[], steps: Steps): Shown {
    const all = [join(inject("endToEnd"), "terminal.py"), JSON.stringify(steps), ...words];
    return JSON.parse(spawnSync("python3", all, host.options()).stdout.toString()) as Shown;
  }

  test("commands in it are the developer's, without any capability", () => {
    const { stdout } = host.enter(
      running,
      "id -u; id -G; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; pwd",
    );
    const { uid, gid } = host.identity.user;
    expect(
      stdout
        .toString()
        .split("\n")
        .map((line) => line.replace(/\s+/g, " ")),
    ).toEqual([
      String(uid),
      String(gid),
      ...["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((set) => `${set}: 0000000000000000`),
      "NoNewPrivs: 1",
      "Seccomp: 2",
      "/home/dev",
      "",
    ]);
  });

  test("files made in the project belong to the developer outside", () => {
    expect(host.enter(running, "echo text > /workspaces/p/made").status).toBe(0);
    expect(statSync(join(project, "made"))).toMatchObject({ uid: tester.uid, gid: tester.gid });
  });

  test("exit codes pass, those of signals as a shell has them", () => {
    expect(host.enter(running, "exit 42").status).toBe(42);
    expect(host.enter(running, "kill -TERM $$").status).toBe(143);
    expect(host.enter(running, "exit 124").status).toBe(124);
    expect(host.enterWith(host.enterPlan(running, ["/usr/share"])).status).toBe(126);
    expect(host.enterWith(host.enterPlan(running, ["missing"])).status).toBe(127);
  });

  test("pipes carry binary data unchanged, and the end of the input", () => {
    const data = randomBytes(3_000_000);
    const { stdout, stderr } = host.enter(running, "cat; head -c 1000000 /dev/zero >&2", data);
    expect(stdout.equals(data)).toBe(true);
    expect(stderr.equals(Buffer.alloc(1_000_000))).toBe(true);

    // The shell's pipes are pipes, which /dev/stderr can open anew; those of Node are sockets.
    const files = { INPUT: join(host.own("pipes"), "input"), OUTPUT: join(host.own("pipes"), "output") };
    writeFileSync(files.INPUT, data);
    const words = host.words("enterEnvironment", host.enterPlan(running, ["tee", "/dev/stderr"]));
    const line = '"$0" "$@" < "$INPUT" 2>&1 >/dev/null | (sleep 0.1; cat > "$OUTPUT")';
    const options = { ...host.options(), env: { ...process.env, ...files } };
    expect(spawnSync("sh", ["-c", line, process.execPath, ...words], options).status).toBe(0);
    expect(readFileSync(files.OUTPUT).equals(data)).toBe(true);
  });

  test("its first process is nobody's to touch, and the sandbox program out of reach", () => {
    const { stdout } = host.enter(
      running,
      "readlink /proc/1/exe || echo hidden; kill -9 1 2>/dev/null || echo refused; cat /proc/1/environ 2>/dev/null || echo hidden; ls -l /proc/self/fd | grep -c host",
    );
    expect(stdout.toString().split("\n")).toEqual(["hidden", "refused", "hidden", "0", ""]);
    expect(host.call("isAlive", running)).toBe(true);
  });

  test("a terminal inside behaves like one outside", () => {
    const { shown, ...rest } = terminal(
      ["bash", "--norc", "-i"],
      [
        ["type", "PS1='rea''dy '; tty; stty size\n"],
        ["wait", "/dev/pts/"],
        ["wait", "24 80"],
        ["wait", "ready "],
        ["size", 33, 77],
        ["type", "until test \"$(stty size)\" = '33 77'; do sleep 0.05; done; echo re''sized\n"],
        ["wait", "resized"],
        ["wait", "ready "],
        ["type", "sh -c 'echo sleep''s; exec sleep 100'\n"],
        ["wait", "sleeps"],
        ["type", "\u0003"],
        ["wait", "ready "],
        ["type", "echo code=$?\n"],
        ["wait", "code=130"],
        ["type", "sh -c 'echo read''s; exec cat'\n"],
        ["wait", "reads"],
        ["type", "\u001a"],
        ["wait", "Stopped"],
        ["wait", "ready "],
        ["type", "jobs; fg; echo code=$?\n"],
        ["wait", "Stopped"],
        // Once from jobs, once from fg.
        ["wait", "exec cat'\n"],
        ["wait", "exec cat'\n"],
        ["type", "line\n"],
        ["wait", "line\nline"],
        ["type", "\u0004"],
        ["wait", "code=0"],
        ["type", "test -t 0 && test -t 1 && test -t 2 && printf '\\033[31mcolour\\n'\n"],
        ["wait", "\u001b[31mcolour"],
        ["type", "exit 3\n"],
      ],
    );
    expect(shown).not.toContain("job control");
    expect(rest).toEqual({ code: 3, restored: true });
  });

  test("waits in the background until it is in front", () => {
    const words = host.words(
      "enterEnvironment",
      host.enterPlan(running, ["sh", "-c", "echo in''side; cat; exit 5"]),
    );
    const line = [process.execPath, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const script = join(host.own("jobs"), "start");
    writeFileSync(script, `exec ${line}\n`);
    const steps = [
      ["type", `PS1='rea''dy '; set -b; sh ${script} &\n`],
      ["wait", "Stopped"],
      ["type", "echo mo''des; stty -a | grep -o ' icanon'; fg; echo code=$?\n"],
      ["wait", "modes\n icanon"],
      ["wait", "inside"],
      ["type", "line\n"],
      ["wait", "line\nline"],
      ["type", "\u0004"],
      ["wait", "code=5"],
      ["type", "exit 3\n"],
    ];
    expect(onTerminal(["bash", "--norc", "-i"], steps)).toMatchObject({ code: 3, restored: true });
  });

  test("a terminal is put back in order when the command is killed", () => {
    const steps = [["wait", "started"]];
    const command = ["sh", "-c", "stty raw -echo; echo started; sleep 0.2; kill -9 $$"];
    expect(terminal(command, steps)).toMatchObject({ code: 137, restored: true });
    // Node does it as well when it ends; so does the sandbox program alone.
    const program = join(host.directory, "devenv-sandbox");
    const { pid, startTime } = running;
    const environment = ["--pid", String(pid), "--starttime", startTime, "--network", "host"];
    const words = [program, "enter", ...environment, ...commandWords(host.enterPlan(running, command))];
    expect(onTerminal(words, steps)).toMatchObject({ code: 137, restored: true });
  });

  test("signals reach the command", async () => {
    const { child, ended } = enterInBackground(
      "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
    );
    const output = collect(child);
    await output.until("ready");
    child.kill("SIGTERM");
    expect(await ended).toBe(9);
    expect(output.text()).toContain("got TERM");
  });

  test("whoever kills the program that entered ends the command too", async () => {
    const { child, ended } = enterInBackground("echo ready; exec sleep 1000.25");
    await collect(child).until("ready");
    child.kill("SIGKILL");
    await ended;
    await eventually(
      () => !host.enter(running, "cat /proc/[0-9]*/cmdline").stdout.toString().includes("1000.25"),
    );
  });

  test("two that carry the same number are told apart", () => {
    const stale = host.enterWith(host.enterPlan({ ...running, startTime: "1" }, ["true"]));
    expect(stale.stderr.toString()).toContain("DEVENV_ENVIRONMENT_GONE");
    expect(host.call("isAlive", { ...running, startTime: "1" })).toBe(false);
    expect(host.call("stopEnvironment", { ...running, startTime: "1" })).toBe(false);
  });

  test("stops in an orderly way, and by force when something inside does not", async () => {
    const pidFile = join(host.own("state"), "init-");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const other = start({ pidFile, grace: 200 });
    expect(readFileSync(`${pidFile}${boot}`, "utf8")).toBe(`${other.pid} ${other.startTime}\n`);
    const { child, ended } = enterInBackground(
      "trap '' TERM HUP; echo ready; while :; do sleep 1; done",
      other,
    );
    await collect(child).until("ready");
    expect(host.call("stopEnvironment", other)).toBe(true);
    expect(await ended).toBe(137);
    expect(host.call("isAlive", other)).toBe(false);
  });

  test("without its record an environment does not live", () => {
    const mark = host.own("mark");
    const plan = host.plan([{ kind: "bind", source: mark, target: "/mark", readonly: true }]);
    const { message } = host.failure("startEnvironment", { ...plan, pidFile: "/no/where/init-" });
    expect(message).toContain("/no/where/init");
    expect(environmentsWith(mark)).toEqual([]);
    const lives = host.call<EnvironmentProcess>("startEnvironment", plan);
    expect(environmentsWith(mark)).toEqual([String(lives.pid)]);
    host.call("stopEnvironment", lives);
  });

  test("limits hold, and their groups go", () => {
    const words = [host.plan(), host.identity.user, `limits-${process.pid}`];
    const { written, changed, ...findings } = host.call<LimitFindings>("checkLimits", ...words);
    expect(findings).toEqual(findingsWhenEnforced);
    expect(changed).toEqual("memory.max" in changed ? changedInV2 : changedInV1);
    expect(written).toEqual("memory.max" in written ? limitsInV2 : limitsInV1);
  });

  function enterInBackground(script: string, environment: EnvironmentProcess = running) {
    const words = host.words("enterEnvironment", host.enterPlan(environment, ["/bin/sh", "-c", script]));
    const child = spawn(process.execPath, words, { ...host.options(), stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    return { child, ended };
  }
});

function collect(child: ReturnType<typeof spawn>) {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  return { text: () => text, until: (part: string) => eventually(() => text.includes(part)) };
}

async function eventually(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); await sleep(20))
    if (Date.now() > end) throw new Error("it did not come true in 10 s");
}

/** The environments that see a directory of the host; others run beside this test. */
function environmentsWith(directory: string): string[] {
  const pids = spawnSync("pgrep", ["-x", "devenv-init"]).stdout.toString().trim().split("\n");
  const place = join(basename(dirname(directory)), basename(directory));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(place);
    } catch {
      return false;
    }
  });
}
