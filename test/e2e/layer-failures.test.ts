import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { eventually, Ground, type Project } from "../support/ground.ts";
import { isRunning } from "../support/network-host.ts";

/** Seconds that no other process of this machine sleeps for. */
const seconds = 1_000_000 + process.pid;

/** How many processes of this machine run that command. */
function countOf(command: string): number {
  const words = `${command.replaceAll(" ", "\0")}\0`;
  return readdirSync("/proc").filter((pid) => {
    try {
      return isRunning(Number(pid)) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === words;
    } catch {
      return false;
    }
  }).length;
}

describe.each(testers())("a command of a layer, for $label,", (tester) => {
  let ground: Ground;
  beforeAll(async () => {
    const shared = new Ground(tester);
    expect(await shared.project({ name: "warm" }).run(["build"])).toMatchObject({ code: 0 });
    // What is in the store is compared, so that nobody else is to write there.
    ground = shared.withOtherStore(["indexes", "blobs"]);
    expect(await ground.project({ name: "warm" }).run(["build"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  /** What of the store's layers and temporary files is there. */
  const contents = (): string[] =>
    ["layers", "tmp"].flatMap((name) => readdirSync(join(ground.store, name))).sort();

  const logOf = (err: string): string => /its whole output is in (\S+)\n/.exec(err)?.[1] ?? "";

  test("that fails shows the end of its output and where all of it is; nothing is kept", async () => {
    const run = "echo made >/opt/made; seq 1 200; printf '\\033[31mred\\033[0m\\n' >&2; false; echo never";
    const project = ground.project({ name: "fails", layers: [{ name: "unlucky", run }] });
    const before = contents();
    const { code, err, out } = await project.run(["build"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    const place = `${project.root}/devenv.jsonc:10:14`;
    expect(err).toContain(`error: ${place}: the step "unlucky" failed with exit code 1; its whole output`);
    const lines = err.split("\n").map((line) => line.trim());
    expect(lines.slice(lines.indexOf("152"), lines.indexOf("red") + 1)).toHaveLength(50);
    expect(err).not.toMatch(/^ *151$/m);
    expect(err).toContain("  To look around in there: devenv build --shell-on-failure\n");
    expect(err).not.toContain('"network": true');
    const log = readFileSync(logOf(err), "utf8");
    expect(log).toMatch(/^1\n2\n3\n/);
    expect(log.endsWith("\n200\n\u001b[31mred\u001b[0m\n")).toBe(true);
    expect(log).not.toContain("never");
    expect(contents()).toEqual(before);
    project.configure({ name: "fails", layers: [{ name: "unlucky", run: "true" }] });
    expect(await project.run(["build"])).toMatchObject({ code: 0 });
    expect(existsSync(logOf(err))).toBe(false);
  });

  test("ends at the first line that fails, and at a variable that nobody set", async () => {
    for (const run of ["false\ntrue", "echo $NOBODY_SET_THIS\ntrue"]) {
      const project = ground.project({ name: "ends", layers: [{ run }] });
      expect(await project.run(["up"])).toMatchObject({
        code: 1,
        err: expect.stringContaining('the step "layer 1" failed with exit code '),
      });
    }
  });

  test("that looks for the network without having one is told how it gets one", async () => {
    const run = "getent hosts example.org || echo 'E: Temporary failure resolving example.org'; exit 100";
    const project = ground.project({ name: "offline", layers: [{ run }] });
    expect((await project.run(["build"])).err).toContain(
      'The command has no network. Give it one: "network": true\n',
    );
  });

  test("cannot write to what belongs to everyone", async () => {
    const run = "! echo x >/run/devenv-inputs/word && ! touch /proc/sys/kernel/x && ! mknod /opt/null c 1 3";
    const project = ground.project({ name: "inputs", layers: [{ run, inputs: ["word"] }] });
    project.write("word", "word\n");
    expect(await project.run(["build"])).toMatchObject({ code: 0 });
    expect(project.read("word")).toBe("word\n");
  });

  test("ends with devenv, and leaves nothing that the next build does not take away", async () => {
    const run = `setsid sleep ${seconds} & echo under way; exec sleep ${seconds}`;
    const project = ground.project({ name: "cut", layers: [{ run }] });
    const { child, outcome, until } = project.start(["build"]);
    await until('running the step "layer 1"');
    await eventually(() => sleepers() === 2);
    child.kill("SIGINT");
    expect((await outcome).code).not.toBe(0);
    await eventually(() => sleepers() === 0);
    project.configure({ name: "cut", layers: [{ run: "true" }] });
    expect(await project.run(["build"])).toMatchObject({ code: 0 });
    expect(contents().filter((name) => name.includes("step-"))).toEqual([]);
  });

  const sleepers = (): number => countOf(`sleep ${seconds}`);

  describe("that failed can be looked at", () => {
    const run = [
      "echo half >/opt/half; echo temporary >/tmp/left; cp word copied",
      `sleep ${seconds} & echo the last words; exit 42`,
    ].join("\n");

    test("in its sandbox, as it was left; what is done in there is thrown away", async () => {
      const layer = { name: "half", run, inputs: ["word"], env: { OWN: "own" } };
      const project = ground.project({ name: "looked-at", layers: [layer] });
      project.write("word", "word\n");
      const before = contents();
      const look = "cat /opt/half /tmp/left copied; id -u; echo $OWN; pwd; tail -n +3 /proc/net/dev | wc -l";
      const more =
        "touch /opt/x && chown 33:33 /opt/x && stat -c %u /opt/x; cat /proc/*/cmdline | grep -ac sleep.1";
      const shown = await project.terminal(
        ["build", "--shell-on-failure"],
        [
          ["wait", 'the step "half" failed with exit code 42. This is its sandbox, as it was left:'],
          ["wait", "#"],
          ["type", `${look}; ${more}; exit 3\n`],
        ],
      );
      expect(shown).toMatchObject({ code: 1, restored: true });
      expect(shown.shown).toContain("the last words\n\nthe step");
      expect(shown.shown).toContain(
        ["half", "temporary", "word", "0", "own", "/workspaces/looked-at", "1", "33", "1"].join("\n"),
      );
      expect(shown.shown).toContain(`the step "half" failed with exit code 42; its whole output`);
      expect(contents()).toEqual(before);
      expect(sleepers()).toBe(0);
    });

    test("not without a terminal", async () => {
      const project = ground.project({ name: "unseen", layers: [{ run: "false" }] });
      expect(await project.run(["build", "--shell-on-failure"])).toMatchObject({
        code: 2,
        err: "error: --shell-on-failure needs a terminal, to type into the shell\n",
      });
    });

    test("and one that does not fail is built as ever", async () => {
      const layers = [{ run: "echo fine >/opt/fine" }];
      const project: Project = ground.project({ name: "fine", layers });
      const shown = await project.terminal(["build", "--shell-on-failure"], []);
      expect(shown).toMatchObject({ code: 0 });
      const recorded = project.read("devenv.lock");
      const other = ground.withOtherStore(["indexes", "blobs"]);
      const again = other.project({ name: "fine", layers });
      again.write("devenv.lock", recorded);
      expect(await again.run(["build", "--frozen"])).toMatchObject({ code: 0 });
      await other.close();
    });
  });
});
