import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnterPlan, EnvironmentProcess } from "../../src/sandbox/index.ts";
import { Host, testers } from "./host.ts";

/**
 * Looks at every process that comes up, as often as it can, and takes hold of it: prints how many it saw, and what it
 * reached of those that were still the sandbox program.
 */
const spy = `
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
me, seen, reached = os.getpid(), set(), set()
print("looking", flush=True)
end = time.monotonic() + 90
while not os.path.exists("/dev/shm/enough") and time.monotonic() < end:
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (1, me): continue
        try: is_sandbox = open(f"/proc/{name}/comm").read() == "devenv-sandbox\\n"
        except OSError: continue
        if not is_sandbox: continue
        seen.add(name)
        for what in ("exe", "root", "cwd", *[f"fd/{number}" for number in range(3, 12)]):
            try: target = os.readlink(f"/proc/{name}/{what}")
            except OSError: continue
            # Meanwhile it may have become the command, whose descriptors beyond 2 are its own.
            if open(f"/proc/{name}/comm").read() == "devenv-sandbox\\n": reached.add((what, target))
        for what in ("mem", "environ"):
            try: file = os.open(f"/proc/{name}/{what}", os.O_RDONLY)
            except OSError: continue
            if open(f"/proc/{name}/comm").read() == "devenv-sandbox\\n": reached.add(what)
            os.close(file)
print("seen", len(seen) > 0)
print("reached", sorted(map(str, reached)))
`;

/** Waits for a program that was started as /proc/self/exe, opens it, and tries to write to it. */
const takeOver = `
import errno, os, time
end = time.monotonic() + 20
file = None
while file is None and time.monotonic() < end:
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and "script\\0" in open(f"/proc/{name}/cmdline").read():
                file = os.open(f"/proc/{name}/exe", os.O_RDONLY)
        except OSError: pass
print("opened", os.readlink(f"/proc/self/fd/{file}"), flush=True)
def attempt(function):
    while time.monotonic() < end:
        try: return function()
        except OSError as error:
            # As long as it runs.
            if error.errno != errno.ETXTBSY: return error.strerror
        time.sleep(0.02)
for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
    print(attempt(lambda: os.write(os.open(f"/proc/self/fd/{file}", flags), b"taken over")))
print(attempt(lambda: os.truncate(f"/proc/self/fd/{file}", 0)))
`;

describe.each(testers())("who enters an environment of $label", (tester) => {
  let host: Host;
  let running: EnvironmentProcess;
  beforeAll(() => {
    host = new Host(tester);
    const script = { kind: "file", target: "/script", mode: 0o755, uid: 0, gid: 0 } as const;
    const plan = host.plan([{ ...script, content: "#!/proc/self/exe enter\n" }]);
    running = host.call("startEnvironment", { ...plan, network: "none" });
  });
  afterAll(() => {
    host.call("stopEnvironment", running);
    host.close();
  });

  const planOf = (command: readonly string[], more: Partial<EnterPlan> = {}): EnterPlan => ({
    ...host.enterPlan(running, command),
    network: "none",
    ...more,
  });
  const inBackground = (plan: EnterPlan, stderr: "inherit" | number = "inherit") =>
    spawn(process.execPath, host.words("enterEnvironment", plan), {
      ...host.options(),
      stdio: ["ignore", "pipe", stderr],
    });

  test.each(["the developer", "root in it"])(
    "is not caught on the way by %s (CVE-2016-9962)",
    async (who) => {
      const ids = who === "root in it" ? { uid: 0, gid: 0 } : {};
      const looking = inBackground(planOf(["python3", "-c", spy], ids));
      let printed = "";
      looking.stdout?.setEncoding("utf8").on("data", (piece: string) => {
        printed += piece;
      });
      for (let i = 0; i < 1000 && !printed.includes("looking"); i++) await sleep(10);
      for (let i = 0; i < 5; i++) expect(host.enterWith(planOf(["true"], ids)).status).toBe(0);
      expect(host.enterWith(planOf(["touch", "/dev/shm/enough"])).status).toBe(0);
      await once(looking, "close");
      expect(host.enterWith(planOf(["rm", "-f", "/dev/shm/enough"])).status).toBe(0);
      expect(printed).toBe("looking\nseen True\nreached []\n");
    },
  );

  test("cannot be led out by the directory that it wants (CVE-2024-21626)", () => {
    const directories = Array.from({ length: 16 }, (_, number) => `/proc/self/fd/${number}`);
    for (const cwd of [...directories, "/proc/1/root", "/proc/1/cwd", "/proc/self/exe"]) {
      const { stdout, stderr, status } = host.enterWith(planOf(["pwd", "-P"], { cwd }));
      expect([cwd, status, stdout.toString()]).toEqual([cwd, 1, ""]);
      expect(stderr.toString()).toMatch(/cannot be entered|is not below the root/);
    }
    // Its own root and directory are those of the environment.
    for (const cwd of ["/proc/self/root", "/proc/self/cwd"])
      expect(host.enterWith(planOf(["pwd", "-P"], { cwd })).stdout.toString()).toBe("/\n");
  });

  test("brings no program along that a script could be for (CVE-2019-5736)", async () => {
    const program = join(host.directory, "devenv-sandbox");
    const before = readFileSync(program);
    // A pipe that is full keeps the program, which has to complain about the script, where it is.
    const pipe = join(host.own("pipes"), "full");
    execFileSync("mkfifo", ["-m", "666", pipe]);
    const filling = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    for (const size of [4096, 1])
      try {
        while (writeSync(filling, Buffer.alloc(size)) > 0);
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
      }
    const full = openSync(pipe, constants.O_RDWR);
    const victim = inBackground(planOf(["/script"]), full);
    const attacker = inBackground(planOf(["python3", "-c", takeOver]));
    let printed = "";
    for await (const piece of attacker.stdout?.setEncoding("utf8") ?? []) {
      printed += piece;
      victim.kill("SIGKILL");
    }
    for (const descriptor of [full, filling]) closeSync(descriptor);
    expect(printed).toBe(`opened /memfd:devenv-sandbox (deleted)\n${"Operation not permitted\n".repeat(4)}`);
    expect(readFileSync(program).equals(before)).toBe(true);
  });
});
