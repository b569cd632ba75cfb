import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnvironmentProcess, Operation } from "../../src/sandbox/index.ts";
import { type Attacker, answersOf, attackers, listener, prelude } from "./attackers.ts";
import { Host, rootCommand, testers } from "./host.ts";

type Network = "host" | "none";

/** Looks for the file by every way that leads to names: argument 1 is its path on the host. */
const files = `
secret = sys.argv[1]
name = os.path.basename(secret)
attempt("control", lambda: text("/workspaces/p/inside"))
ways = [secret, f"/workspaces/p/absolute", f"/workspaces/p/relative", f"/workspaces/p/../{name}", f"/../../..{secret}"]
for process in glob.glob("/proc/[0-9]*") + ["/proc/self", "/proc/thread-self"]:
    ways += [f"{process}/root{secret}", f"{process}/root/..{secret}", f"{process}/cwd/../../..{secret}"]
    ways += [f"{process}/fd/{number}/{way}" for number in range(12) for way in (f"../{name}", secret, name)]
found = []
for way in ways:
    try: found.append((way, text(way)))
    except OSError: pass
for directory, directories, names in os.walk("/"):
    if directory == "/": directories[:] = [d for d in directories if d not in ("proc", "sys", "usr")]
    found += [os.path.join(directory, n) for n in names if n == name]
print("found =", found)
# Out of a chroot by a directory that stays open, as far up as it goes (chroot(2)).
def escape():
    os.makedirs("/tmp/jail", exist_ok=True)
    top = os.open("/", os.O_RDONLY)
    os.chroot("/tmp/jail")
    os.fchdir(top)
    for _ in range(100): os.chdir("..")
    os.chroot(".")
    return os.path.exists(secret)
attempt("chroot", escape)
handle = ctypes.create_string_buffer(136)
ctypes.memmove(handle, (128).to_bytes(4, "little"), 4)
mount = ctypes.c_int()
directory = os.open("/workspaces/p", os.O_RDONLY)
attempt("handle of a file", lambda: call((303, 264), directory, b"inside", handle, ctypes.byref(mount), 0))
attempt("a file by its handle", lambda: call((304, 265), directory, handle, 0))
`;

/** Argument 1 is the number of a process of the same user on the host, 2 is a word of its command line. */
const processes = `
victim, word = int(sys.argv[1]), sys.argv[2]
me = text("/proc/self/stat").split()[0]
def told(path):
    try: return text(path)
    except OSError: return ""
seen = [p for p in glob.glob("/proc/[0-9]*/cmdline") if f"/{me}/" not in p and word in told(p)]
print("seen =", seen)
attempt("kill", lambda: os.kill(victim, 9))
attempt("open", lambda: call((434, 434), victim, 0))
attempt("attach", lambda: call((101, 117), 16, victim, 0, 0))
attempt("attach to 1", lambda: call((101, 117), 16, 1, 0, 0))
attempt("seize 1", lambda: call((101, 117), 0x4206, 1, 0, 0))
attempt("open 1", lambda: call((434, 434), 1, 0) > 0)
attempt("descriptor of 1", lambda: call((438, 438), call((434, 434), 1, 0), 0, 0))
buffer = ctypes.create_string_buffer(8)
class Piece(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
piece = Piece(ctypes.addressof(buffer), 8)
one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
attempt("memory of 1", lambda: call((310, 270), 1, ctypes.byref(piece), one, ctypes.byref(piece), one, none))
for name in ("mem", "environ", "maps", "auxv", "syscall", "stack", "io"): attempt(name, lambda: open(f"/proc/1/{name}", "rb").read(1))
for name in ("exe", "cwd", "root", "fd/0", "ns/user", "ns/mnt"): attempt(name, lambda: os.readlink(f"/proc/1/{name}"))
attempt("join 1", lambda: call((308, 268), call((434, 434), 1, 0), 0x20000))
attempt("uid_map", lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1"))
attempt("setgroups", lambda: os.write(os.open("/proc/self/setgroups", os.O_WRONLY), b"deny"))
attempt("oom", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
`;

const hidden: Record<string, RegExp> = {
  seen: /^\[\]$/,
  kill: /^ESRCH$/,
  open: /^ESRCH$/,
  attach: /^ESRCH$/,
  "open 1": /^True$/,
  uid_map: /^(EPERM|EACCES)$/,
  setgroups: /^(EPERM|EACCES)$/,
};
const refused = /^(EPERM|EACCES)$/;

/** Prints what of /proc and /sys takes something written, processes' own files left out. Writes no byte. */
const writable = `
control = os.path.exists("/proc/sys/kernel/core_pattern") and os.path.exists("/sys/kernel")
looked, found = 0, []
for top in ("/proc", "/sys"):
    for directory, directories, names in os.walk(top):
        if directory == "/proc": directories[:] = [d for d in directories if not d.isdigit() and d not in ("self", "thread-self")]
        for name in names:
            path = os.path.join(directory, name)
            looked += 1
            try:
                if stat.S_ISLNK(os.lstat(path).st_mode): continue
                file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
                try:
                    # What is masked is the null device. Behind what answers EIO nobody takes anything.
                    if os.fstat(file).st_rdev != os.makedev(1, 3) and os.write(file, b"") == 0: found.append(path)
                except OSError as error:
                    if error.errno != errno.EIO: found.append(path)
                os.close(file)
            except OSError: pass
        for name in directories:
            path = os.path.join(directory, name)
            if not os.path.islink(path) and not os.path.ismount(path):
                try:
                    os.mkdir(path + "/made")
                    found.append(path + "/made")
                except OSError: pass
print("looked =", control and looked > 1000)
print("found =", found)
`;

describe.each(testers())("against the host of $label", (tester) => {
  let host: Host;
  let victim: ChildProcess;
  let secret: string;
  let operations: Operation[];
  const running = new Map<Network, EnvironmentProcess>();
  const word = `1000.${process.pid}${tester.uid}`;
  const abstractName = `devenv-attack-${process.pid}-${tester.uid}`;

  beforeAll(async () => {
    host = new Host(tester);
    const project = host.own("project");
    secret = join(host.directory, "secret-of-the-host");
    writeFileSync(secret, "secret");
    writeFileSync(join(project, "inside"), "inside");
    for (const path of [secret, join(project, "inside")]) chownSync(path, tester.uid, tester.gid);
    symlinkSync(secret, join(project, "absolute"));
    symlinkSync("../secret-of-the-host", join(project, "relative"));
    operations = [
      { kind: "tmpfs", target: "/tmp", mode: 0o1777, uid: 0, gid: 0 },
      { kind: "bind", source: project, target: "/workspaces/p", readonly: false },
    ];
    for (const network of ["none", "host"] as const)
      running.set(network, host.call("startEnvironment", { ...host.plan(operations), network }));
    victim = spawn("python3", ["-c", listener, abstractName, word], {
      ...{ uid: tester.uid, gid: tester.gid, cwd: "/" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(victim.stdout as Readable, "data");
  });
  afterAll(() => {
    for (const environment of running.values()) host.call("stopEnvironment", environment);
    victim.kill("SIGKILL");
    host.close();
  });

  /** What a Python program printed, by the words before "=". */
  function attack(
    attacker: Attacker,
    program: string,
    words: readonly string[] = [],
    network: Network = "none",
  ): Record<string, string> {
    const command = ["python3", "-c", prelude + program, ...words];
    const printed =
      attacker === "a build step"
        ? host.step("", operations, { ...rootCommand(""), command, network }).output
        : enter(attacker, command, network);
    return answersOf(printed);
  }
  function enter(attacker: Attacker, command: readonly string[], network: Network): string {
    const environment = running.get(network);
    if (environment === undefined) throw new Error(`no environment with the network ${network}`);
    const ids = attacker === "root in it" ? { uid: 0, gid: 0 } : {};
    const { stdout, stderr } = host.enterWith({ ...host.enterPlan(environment, command), network, ...ids });
    return stdout.toString() + stderr.toString();
  }

  test.each(attackers)("%s finds no file of the host but those that were given", (attacker) => {
    expect(attack(attacker, files, [secret])).toEqual({
      control: "inside",
      found: "[]",
      chroot: attacker === "a build step" ? "False" : "EPERM",
      "handle of a file": "0",
      "a file by its handle": "EPERM",
    });
  });

  test.each(attackers)("%s reaches no process of the host, and not the first one inside", (attacker) => {
    const { pid } = victim;
    const found = attack(attacker, processes, [String(pid), word]);
    for (const [name, answer] of Object.entries(found))
      expect([name, answer]).toEqual([name, expect.stringMatching(hidden[name] ?? refused)]);
    expect(Object.keys(found)).toHaveLength(26);
  });

  test("whoever kills everything ends nothing outside, and not the environment", () => {
    const program = "attempt('all', lambda: os.kill(-1, 9))";
    expect(attack("the developer", program)).toEqual({ all: expect.stringMatching(/^(None|ESRCH)$/) });
    expect(victim.kill(0)).toBe(true);
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    for (const environment of running.values()) expect(host.call("isAlive", environment)).toBe(true);
  });

  test.each(attackers.flatMap((attacker) => [[attacker, "none"] as const, [attacker, "host"] as const]))(
    "%s can write to nothing in /proc and /sys that reaches the host; network: %s",
    (attacker, network) => {
      expect(attack(attacker, writable, [], network)).toEqual({ looked: "True", found: "[]" });
    },
  );
});
