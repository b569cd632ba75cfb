import { spawn } from "node:child_process";
import { chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnterPlan, EnvironmentProcess } from "../../src/sandbox/index.ts";
import { Host, rootCommand, testers } from "./host.ts";

const namespaces = ["user", "mnt", "pid", "ipc", "uts", "cgroup", "net"] as const;

/** Prints what is behind each descriptor that a program inherits. */
const descriptors =
  "import os; print(*[n for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')])";

/** Prints "NAME ERRNO" of calls that a filter has to answer; 0 where one went well. */
const calls = `
import ctypes, os, platform, mmap
libc = ctypes.CDLL(None, use_errno=True)
index = ["x86_64", "aarch64"].index(platform.machine())
def call(name, numbers, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(numbers[index], *[ctypes.c_long(a) for a in arguments])
    print(name, ctypes.get_errno() if result == -1 else 0)
call("mount", (165, 40), 0, 0, 0, 0, 0)
call("umount2", (166, 39), 0, 0)
call("pivot_root", (155, 41), 0, 0)
call("open_tree", (428, 428), -1, 0, 0)
call("move_mount", (429, 429), -1, 0, -1, 0, 0)
call("fsopen", (430, 430), 0, 0)
call("mount_setattr", (442, 442), -1, 0, 0, 0, 0)
call("setns", (308, 268), -1, 0)
for name, flag in ("user", 0x10000000), ("mnt", 0x20000), ("pid", 0x20000000), ("ipc", 0x8000000), ("uts", 0x4000000), ("cgroup", 0x2000000), ("net", 0x40000000), ("time", 0x80):
    call("unshare " + name, (272, 97), flag)
call("unshare files", (272, 97), 0x400)
call("clone user", (56, 220), 0x10000000 | 17, 0, 0, 0, 0)
call("clone3", (435, 435), 0, 0)
call("io_uring_setup", (425, 425), 0, 0)
call("keyctl", (250, 219), 0, -3, 0)
call("add_key", (248, 217), 0, 0, 0, 0, 0)
call("request_key", (249, 218), 0, 0, 0, 0)
call("bpf", (321, 280), 0, 0, 0)
call("perf_event_open", (298, 241), 0, 0, -1, -1, 0)
call("userfaultfd", (323, 282), 1)
call("open_by_handle_at", (304, 265), -1, 0, 0)
call("kexec_load", (246, 104), 0, 0, 0, 0)
call("init_module", (175, 105), 0, 0, 0)
call("finit_module", (313, 273), -1, 0, 0)
call("delete_module", (176, 106), 0, 0)
call("syslog", (103, 116), 10, 0, 0)
call("reboot", (169, 142), 0, 0, 0, 0)
call("swapon", (167, 224), 0, 0)
call("quotactl", (179, 60), 0, 0, 0, 0)
call("sethostname", (170, 161), 0, 0)
call("settimeofday", (164, 170), 0, 0)
call("ioctl TIOCSTI", (16, 29), 0, 0x5412, 0)
call("ioctl TIOCSTI, high bits", (16, 29), 0, 0x100005412, 0)
call("ioctl TIOCLINUX", (16, 29), 0, 0x541C, 0)
call("ioctl FIONREAD", (16, 29), -1, 0x541B, 0)
call("socket AF_VSOCK", (41, 198), 40, 1, 0)
call("socket AF_ALG", (41, 198), 38, 5, 0)
call("socket AF_UNIX", (41, 198), 1, 1, 0)
call("personality READ_IMPLIES_EXEC", (135, 92), 0x400000)
call("personality ADDR_NO_RANDOMIZE", (135, 92), 0x40000)
call("unknown", (9999, 9999))
child = os.fork()
if child == 0:
    os._exit(0 if libc.ptrace(0, 0, 0, 0) == 0 else 1)
print("ptrace", os.waitpid(child, 0)[1])
if index == 0:
    call("x32 getpid", (0x40000000 + 39, 0))
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes.fromhex("b814000000cd80c3"))
    child = os.fork()
    if child == 0:
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
        os._exit(0)
    print("32-bit getpid, signal", os.waitpid(child, 0)[1] & 127)
`;

/** Finds the program that runs as /program, and writes to its file as soon as it has ended. */
const attack = `
import errno, os, time
def find():
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and open(f"/proc/{name}/cmdline").read().startswith("/program\\0"):
                return os.open(f"/proc/{name}/exe", os.O_RDONLY)
        except OSError: pass
end = time.monotonic() + 20
while (file := find()) is None and time.monotonic() < end: time.sleep(0.02)
print("opened", flush=True)
while time.monotonic() < end:
    try:
        os.write(os.open(f"/proc/self/fd/{file}", os.O_WRONLY), b"taken over")
        print("written")
        break
    except OSError as error:
        if error.errno != errno.ETXTBSY:
            print(error.strerror)
            break
    time.sleep(0.02)
`;

const refused = 1;
const unknown = 38;
const answers: Record<string, number> = {
  ...Object.fromEntries(
    [
      ...["mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "mount_setattr", "setns"],
      ...["user", "mnt", "pid", "ipc", "uts", "cgroup", "net", "time"].map((name) => `unshare ${name}`),
      ...["clone user", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd"],
      ...["open_by_handle_at", "kexec_load", "init_module", "finit_module", "delete_module", "syslog"],
      ...["reboot", "swapon", "quotactl", "sethostname", "settimeofday"],
      ...["ioctl TIOCSTI", "ioctl TIOCSTI, high bits", "ioctl TIOCLINUX"],
      ...["socket AF_VSOCK", "socket AF_ALG", "personality READ_IMPLIES_EXEC"],
    ].map((name) => [name, refused]),
  ),
  ...Object.fromEntries(["clone3", "io_uring_setup", "unknown"].map((name) => [name, unknown])),
  "unshare files": 0,
  "socket AF_UNIX": 0,
  "personality ADDR_NO_RANDOMIZE": 0,
  ptrace: 0,
  "ioctl FIONREAD": 9,
  ...(process.arch === "x64" ? { "x32 getpid": unknown, "32-bit getpid, signal": 31 } : {}),
};

describe.each(testers())("from inside, for $label,", (tester) => {
  let host: Host;
  let running: EnvironmentProcess;
  let onHostNetwork: EnvironmentProcess;
  let layer: string;

  beforeAll(() => {
    host = new Host(tester);
    for (const name of ["lower", "upper"]) {
      layer = host.own(`store/layer-${name}`);
      writeFileSync(join(layer, name), name);
      writeFileSync(join(layer, "both"), name);
      chownSync(join(layer, "both"), tester.uid, tester.gid);
    }
    const plan = host.plan([{ kind: "symlink", target: "/program", content: "/proc/self/exe" }]);
    const root = { ...plan.root, layers: ["layer-lower", "layer-upper"] };
    running = host.call("startEnvironment", { ...plan, root, network: "none" });
    onHostNetwork = host.call("startEnvironment", host.plan());
  });
  afterAll(() => {
    for (const environment of [running, onHostNetwork]) host.call("stopEnvironment", environment);
    host.call("removePaths", host.store, ["layer-lower", "layer-upper"]);
    host.close();
  });

  function run(network: "host" | "none", command: readonly string[]): string {
    const environment = network === "none" ? running : onHostNetwork;
    const { stdout, stderr } = host.enterWith({ ...host.enterPlan(environment, command), network });
    return stdout.toString() + stderr.toString();
  }
  const look = (script: string, network: "host" | "none" = "none") => run(network, ["/bin/sh", "-c", script]);
  const python = (program: string, network: "host" | "none" = "none") =>
    run(network, ["python3", "-c", program]);
  const lines = (text: string) => text.trimEnd().split("\n");

  test("every namespace is another one than the host's", () => {
    const inside = lines(look(namespaces.map((name) => `readlink /proc/self/ns/${name}`).join(";")));
    const outside = namespaces.map((name) => `${name}:[${statSync(`/proc/self/ns/${name}`).ino}]`);
    expect(inside.map((name) => name.replace(/:.*/, ""))).toEqual([...namespaces]);
    expect(inside.filter((name) => outside.includes(name))).toEqual([]);
    expect(look("hostname")).toBe("sandbox-test\n");
    expect(look("readlink /proc/self/ns/net", "host").trim()).toBe(outside.at(-1));
  });

  test("the root is an overlay of the store's layers, the upper ones first, which stay as they are", () => {
    expect(look("stat -fc %T /; cat /lower /upper /both")).toBe("overlayfs\nlowerupperupper");
    expect(look("echo changed > /both; cat /both; rm -f /lower; ls /lower 2>&1")).toMatch(
      /^changed\n.*No such file/,
    );
    expect(readFileSync(join(layer, "both"), "utf8")).toBe("upper");
  });

  test("no mount of the host is left but those that were asked for", () => {
    const points = lines(look("cut -d' ' -f5 /proc/self/mountinfo"));
    const expected = /^\/($|usr|proc|sys|dev)/;
    expect(points.filter((point) => !expected.test(point))).toEqual([]);
    expect(points.filter((point) => point === "/")).toHaveLength(1);
    expect(look("cut -d' ' -f7- /proc/self/mountinfo | grep -cE '(shared|master):'")).toBe("0\n");
    expect(look("ls -d /proc/1/root /host /oldroot /work /root 2>/dev/null")).toBe("/proc/1/root\n");
  });

  test("/proc shows the processes inside, /sys the network inside", () => {
    const shown = lines(look("ls /proc | grep '^[0-9]'; ls /sys/class/net; cat /proc/1/comm"));
    expect(shown.length).toBeLessThan(8);
    expect(shown.slice(-2)).toEqual(["lo", "devenv-init"]);
  });

  test.each(["none", "host"] as const)(
    "what tells about the host is empty, what reaches into it cannot be written; network: %s",
    (network) => {
      const masked = [
        ...["acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi"],
        ...["timer_list", "timer_stats"],
      ].map((name) => `/proc/${name}`);
      const empty = [
        ...["devices/virtual/powercap", "firmware", "fs/bpf", "fs/cgroup", "fs/pstore", "fs/selinux"],
        ...["kernel/config", "kernel/debug", "kernel/security", "kernel/tracing"],
      ].map((name) => `/sys/${name}`);
      const unwritable = [
        ...masked,
        ...empty,
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
      ];
      const found = python(
        `
import os
def content(path):
    if os.path.isdir(path): return sum(len(files) + len(directories) for _, directories, files in os.walk(path))
    return len(open(path, "rb").read(100))
for path in ${JSON.stringify([...masked, ...empty])}:
    if os.path.exists(path): print("content", path, content(path))
for path in ${JSON.stringify(unwritable)}:
    if not os.path.exists(path): continue
    if not os.statvfs(path).f_flag & os.ST_RDONLY: print("writable", path)
for line in open("/proc/self/mountinfo"):
    point, options = line.split()[4:6]
    if (point + "/").startswith("/sys/") and not options.startswith("ro,nosuid,nodev,noexec"): print("mount", point, options)
print("looked at", os.path.exists("/proc/interrupts"), os.path.exists("/sys/firmware"), os.path.exists("/sys/fs/cgroup"))
`,
        network,
      );
      expect(lines(found).filter((line) => !/^content \S+ 0$/.test(line))).toEqual([
        "looked at True True True",
      ]);
      expect(lines(found)).toContain("content /proc/interrupts 0");
      const attempts = [
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/overcommit_memory",
        "/sys/class/net/lo/mtu",
      ];
      for (const file of attempts)
        expect(look(`(echo 1 > ${file}) 2>&1`, network)).toMatch(/Read-only file system|Permission denied/);
    },
  );

  test("the filter refuses what is for administrators, and lets debuggers work", () => {
    const found = Object.fromEntries(
      lines(python(calls)).map((line) => [line.replace(/ -?\d+$/, ""), Number(line.split(" ").at(-1))]),
    );
    expect(found).toEqual(answers);
  });

  test("no descriptor, terminal or identity of the host is inherited", () => {
    expect(python(descriptors)).toBe("0 1 2\n");
    expect(look("(: < /dev/tty) 2>&1")).toContain("No such device or address");
    expect(look("umask; id -G; ps -o sid= -p $$ | tr -d ' '; echo $$")).toMatch(
      new RegExp(`^0022\n${host.identity.user.gid}\n(\\d+)\n\\1\n$`),
    );
    const root = {
      ...host.enterPlan(running, [
        "/bin/sh",
        "-c",
        "grep Cap /proc/self/status; readlink /proc/1/exe; ls /proc/1/fd",
      ]),
    };
    const shown = host.enterWith({ ...root, network: "none", uid: 0, gid: 0 }).stdout.toString();
    expect(shown.match(/0000000000000000/g)).toHaveLength(5);
    expect(lines(shown).slice(5)).toEqual(["0", "1", "2"]);
  });

  test("no descriptor on the way there leads out (CVE-2024-21626)", () => {
    for (const number of [3, 4, 5, 6, 7, 8, 9, 10]) {
      const { message } = host.failure("runStep", {
        ...host.plan(),
        ...rootCommand("pwd"),
        cwd: `/proc/self/fd/${number}`,
      });
      expect(message).toMatch(/cannot be entered|is not below the root/);
    }
  });

  test("the sandbox program on the host is out of reach (CVE-2019-5736)", async () => {
    const program = join(host.directory, "devenv-sandbox");
    const before = readFileSync(program);
    const enter = (command: string[]) => {
      const plan = { ...host.enterPlan(running, command), network: "none" };
      return spawn(process.execPath, host.words("enterEnvironment", plan), host.options());
    };
    // In the image something is a link to the program that starts it; this one waits for its standard input.
    const victim = enter(["/program", "enter", "--args", "0"]);
    const attacker = enter(["python3", "-c", attack]);
    let printed = "";
    for await (const piece of attacker.stdout.setEncoding("utf8")) {
      printed += piece;
      if (printed.includes("opened")) victim.stdin.end();
    }
    expect(printed).toBe("opened\nOperation not permitted\n");
    expect(readFileSync(program).equals(before)).toBe(true);
  });

  test("the host's /dev/null is not passed on", () => {
    const step = host.step("chmod 0666 /proc/self/fd/0 2>&1; stat -Lc %t:%T /proc/self/fd/0");
    expect(step.output).toMatch(/Read-only file system\n1:3\n$/);
    const plan = { ...host.enterPlan(running, ["chmod", "0666", "/dev/stdin"]), network: "none" };
    const stdio = { stdin: "ignore", stdout: "ignore", stderr: 2 };
    const { status, stderr } = host.enterWith({ ...plan, stdio } as EnterPlan);
    expect([status, stderr.toString()]).toEqual([1, expect.stringContaining("Read-only file system")]);
  });
});
