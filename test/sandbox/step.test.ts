import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { EnterPlan } from "../../src/sandbox/index.ts";
import { Host, rootCommand, testers } from "./host.ts";

describe.each(testers())("a build step of $label", (tester) => {
  let host: Host;
  beforeAll(() => {
    host = new Host(tester);
  });
  afterAll(() => host.close());

  test("runs as root with the capabilities of a package manager, and passes the exit code on", () => {
    const { code, output } = host.step("id -u; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; exit 7");
    expect(code).toBe(7);
    expect(output.split("\n").map((line) => line.replace(/\s+/g, " "))).toEqual([
      "0",
      "CapInh: 0000000000000000",
      "CapPrm: 00000000800405fb",
      "CapEff: 00000000800405fb",
      "CapBnd: 00000000800405fb",
      "CapAmb: 0000000000000000",
      "NoNewPrivs: 1",
      "Seccomp: 2",
      "",
    ]);
    expect(host.step("kill -9 $$").code).toBe(137);
  });

  test("may give files to any user, and the layer keeps them", () => {
    const { code, output } = host.step(
      "touch /a && chown 33:65534 /a && chmod 4755 /a && stat -c '%u %g %a' /a",
    );
    expect([code, output]).toEqual([0, "33 65534 4755\n"]);
  });

  test("sees the environment it is given and nothing of the host", () => {
    const { output } = host.step(
      "env | sort; hostname; ls /; test $(ls /proc | grep -c '^[0-9]') -lt 10 && echo few; cat /proc/net/dev | wc -l; umask",
    );
    expect(output.split("\n")).toEqual([
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
      "PWD=/",
      "sandbox-test",
      ...["bin", "dev", "home", "lib", "lib64", "proc", "sbin", "sys", "usr"],
      "few",
      "3",
      "0022",
      "",
    ]);
  });

  test("is in namespaces of its own", () => {
    const { output } = host.step(
      "for n in user mnt pid ipc uts cgroup net; do readlink /proc/self/ns/$n; done",
    );
    const inside = output.trim().split("\n");
    const outside = ["user", "mnt", "pid", "ipc", "uts", "cgroup", "net"].map(readNamespace);
    expect(inside).toHaveLength(7);
    for (const [index, name] of inside.entries()) expect(name).not.toBe(outside[index]);
  });

  test("cannot mount, make namespaces, load modules, type into terminals or reach process 1", () => {
    const { output } = host.step(
      [
        "mount -t tmpfs none /home 2>&1 | grep -o 'permission denied'",
        "unshare -U true 2>&1 | grep -o 'Operation not permitted'",
        "unshare -m true 2>&1 | grep -o 'Operation not permitted'",
        "mknod /node c 1 3 2>&1 | grep -o 'Operation not permitted'",
        "readlink /proc/1/exe || echo hidden",
        "echo 1 2>/dev/null > /proc/sys/kernel/panic || echo read-only",
        "chmod 0 /dev/null 2>/dev/null || echo fixed",
        "wc -c < /proc/keys; ls -A /sys/firmware /sys/fs/cgroup | wc -w",
        `python3 -c '
import fcntl, ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*a): libc.syscall(*a); return ctypes.get_errno()
for request in (0x5412, 0x541C):
    try: fcntl.ioctl(0, request, b"x")
    except OSError as e: print("ioctl", e.errno)
import platform
numbers = {"x86_64": (321, 435, 425, 999, 250), "aarch64": (280, 435, 425, 999, 219)}[platform.machine()]
print("bpf clone3 io_uring unknown keyctl", *[call(n, 0, 0, 0, 0, 0) for n in numbers])
'`,
      ].join("\n"),
    );
    expect(output.split("\n")).toEqual([
      "permission denied",
      "Operation not permitted",
      "Operation not permitted",
      "Operation not permitted",
      "hidden",
      "read-only",
      "fixed",
      "0",
      "2",
      "ioctl 1",
      "ioctl 1",
      "bpf clone3 io_uring unknown keyctl 1 38 38 38 1",
      "",
    ]);
  });

  test("has the devices programs expect, and no others", () => {
    const { output } = host.step(
      "ls /dev; stat -c '%t:%T %n' /dev/null /dev/tty; stat -fc %T /dev/pts /dev/shm",
    );
    expect(output.trim().split("\n")).toEqual([
      ...["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"],
      ...["stderr", "stdin", "stdout", "tty", "urandom", "zero"],
      "1:3 /dev/null",
      "5:0 /dev/tty",
      "devpts",
      "tmpfs",
    ]);
  });

  test("mounts host directories without set-user-id, devices and, when asked, writing", () => {
    const source = host.own("shared");
    const { output } = host.step(
      "grep -oE ' /(rw|ro) [^ ]+ [^ ]+' /proc/mounts; touch /rw/made; touch /ro/made 2>&1 | grep -o Read-only",
      [
        { kind: "bind", source, target: "/rw", readonly: false },
        { kind: "bind", source, target: "/ro", readonly: true },
      ],
      host.identity.user,
    );
    expect(output).toMatch(/ \/rw \S+ rw,nosuid,nodev/);
    expect(output).toMatch(/ \/ro \S+ ro,nosuid,nodev/);
    expect(output).toContain("Read-only");
    expect(statSync(join(source, "made"))).toMatchObject({ uid: tester.uid, gid: tester.gid });
  });

  test("a link in the image leads nowhere outside of it", () => {
    const outside = host.own("outside");
    chmodSync(outside, 0o777);
    const layer = host.own("store/links");
    symlinkSync(outside, join(layer, "etc"));
    const plan = host.plan([{ kind: "file", target: "/etc/x", mode: 0o644, uid: 0, gid: 0, content: "x" }]);
    const root = { ...plan.root, layers: ["links"] };
    const command = { command: ["/bin/true"], env: {}, cwd: "/", uid: 0, gid: 0 };
    expect(host.failure("runStep", { ...plan, root, ...command }).message).toContain("/etc");
    expect(() => statSync(join(outside, "x"))).toThrow("ENOENT");

    const targetIsLink = host.plan([{ kind: "bind", source: outside, target: "/etc", readonly: false }]);
    const refused = host.failure("runStep", {
      ...targetIsLink,
      root: { ...targetIsLink.root, layers: ["links"] },
      ...command,
    });
    expect(refused.message).toContain("symbolic link");
    host.call("removePaths", host.store, ["links"]);
  });

  test.each(["dev", "proc", "sys", "dev/null"])("an image in which /%s is a link is refused", (name) => {
    const outside = host.own("outside");
    host.own("store/linked");
    if (name.includes("/")) host.own("store/linked/dev");
    symlinkSync(outside, join(host.store, "linked", name));
    const plan = host.plan();
    const root = { ...plan.root, layers: ["linked"] };
    const attempt = { ...plan, ...rootCommand("ls -A /dev | head -1"), root };
    // A new /dev covers what is in the image's.
    if (name === "dev/null") expect(host.call("runStep", attempt)).toMatchObject({ code: 0 });
    else
      expect(host.failure("runStep", attempt).message).toBe(
        `the mount point /${name} is a symbolic link in the image`,
      );
    expect(readdirSync(outside)).toEqual([]);
    host.call("removePaths", host.store, ["linked"]);
  });

  test("ends with the program that started it", async () => {
    const time = `100.${process.pid}${tester.uid}`;
    const plan = { ...host.plan(), ...rootCommand(`exec sleep ${time}`) };
    const child = spawn(process.execPath, host.words("runStep", plan), {
      ...host.options(),
      stdio: "ignore",
    });
    const runs = () => spawnSync("pgrep", ["-f", `^sleep ${time}$`]).status === 0;
    await vi.waitUntil(runs, { timeout: 10_000, interval: 20 });
    child.kill("SIGKILL");
    await vi.waitUntil(() => !runs(), { timeout: 10_000, interval: 20 });
  });

  test("can be entered with what its own process may do, where it is written down", async () => {
    const place = host.own("entered");
    const pidFile = join(place, "init-");
    const plan = { ...host.plan(), ...rootCommand("touch /made; exec sleep 100"), network: "none", pidFile };
    const child = spawn(process.execPath, host.words("runStep", plan), {
      ...host.options(),
      stdio: "ignore",
    });
    const written = () => readdirSync(place).find((name) => /^init-[0-9a-f-]{36}$/.test(name));
    await vi.waitUntil(() => written() !== undefined, { timeout: 10_000, interval: 20 });
    const [pid, startTime = ""] = readFileSync(join(place, written() ?? ""), "utf8")
      .trim()
      .split(" ");
    const enter = (script: string, changes: Partial<EnterPlan>) => {
      const process = { pid: Number(pid), startTime };
      const root = { ...rootCommand(script), network: "none", ...changes } as const;
      const { status, stdout } = host.enterWith({ process, controlGroups: [], ...root });
      return [status, stdout.toString()];
    };
    const look = "until [ -e /made ]; do :; done; chown 33 /made 2>/dev/null && stat -c %u /made";
    expect(enter(look, {})).toEqual([1, ""]);
    expect(enter(`${look}; grep CapEff /proc/self/status`, { asBuilder: true })).toEqual([
      0,
      "33\nCapEff:\t00000000800405fb\n",
    ]);
    child.kill("SIGKILL");
  });

  test("says what is wrong with a plan in one line", () => {
    const command = { command: ["/bin/true"], env: {}, cwd: "/", uid: 0, gid: 0 };
    const plan = host.plan();
    const failure = (changes: object) => host.failure("runStep", { ...plan, ...command, ...changes }).message;
    expect(failure({ store: "/no/store" })).toBe(
      "the store /no/store cannot be opened: No such file or directory",
    );
    expect(failure({ root: { ...plan.root, layers: ["none"] } })).toBe(
      "the layer none is not in the store: No such file or directory",
    );
    expect(failure({ root: { ...plan.root, layers: ["a:b"] } })).toBe(
      "a:b: not the name of a directory in the store",
    );
    expect(failure({ root: { ...plan.root, upper: "../x" } })).toBe(
      "../x: not the name of a directory in the store",
    );
    const many = Array.from({ length: 501 }, (_, index) => String(index).padStart(64, "0"));
    for (const name of many) host.own(`store/${name}`);
    expect(failure({ root: { ...plan.root, layers: many } })).toBe(
      "the image has 501 layers; an overlay takes 500",
    );
    expect(failure({ cwd: "/missing" })).toContain("the directory /missing cannot be entered");
    expect(failure({ operations: [{ kind: "bind", source: "/no/dir", target: "/x", readonly: true }] })).toBe(
      "/no/dir cannot be opened: No such file or directory",
    );
    expect(failure({ command: ["a\0b"] })).toContain("NUL");
  });

  test("as many layers are stacked as an overlay takes, the upper ones first", () => {
    const names = Array.from({ length: 499 }, (_, index) => `l/${String(index).padStart(64, "0")}`);
    host.own("store/l");
    for (const [index, name] of names.entries()) {
      const layer = host.own(`store/${name}`);
      writeFileSync(join(layer, `only-${index}`), "");
      writeFileSync(join(layer, "all"), String(index));
      chownSync(join(layer, "all"), tester.uid, tester.gid);
      // Every other one hides what the one below it has alone.
      if (index % 2 === 1) execFileSync("mknod", [join(layer, `only-${index - 1}`), "c", "0", "0"]);
    }
    const plan = host.plan();
    const root = { ...plan.root, layers: ["empty", ...names] };
    const script = "cat /all; echo; ls / | grep -c ^only-; echo kept > /all; cat /all";
    expect(host.call("runStep", { ...plan, ...rootCommand(script), root })).toMatchObject({
      code: 0,
      output: "498\n250\nkept\n",
    });
    expect(readFileSync(join(host.store, names[498] ?? "", "all"), "utf8")).toBe("498");
  });

  test("a command that is not there has the shell's exit code", () => {
    const { code, output } = host.step("", [], { command: ["nothing-of-this-name"] });
    expect([code, output]).toEqual([127, "devenv: nothing-of-this-name: command not found\n"]);
  });

  test("what belongs to mapped ids is removed, and links only as links", () => {
    const kept = host.own("kept");
    writeFileSync(join(kept, "file"), "");
    const tree = host.own("store/tree");
    symlinkSync(kept, join(tree, "link"));
    chmodSync(host.own("store/tree/locked"), 0o000);
    host.call("removePaths", host.store, ["tree", "not-there"]);
    expect(() => statSync(tree)).toThrow("ENOENT");
    expect(statSync(join(kept, "file")).isFile()).toBe(true);
    expect(host.failure("removePaths", host.store, ["../kept"]).message).toContain("../kept");
    symlinkSync(kept, join(host.store, "way"));
    expect(host.failure("removePaths", host.store, ["way/file"]).message).toContain("way/file");
    host.call("removePaths", host.store, ["way"]);
    expect(statSync(join(kept, "file")).isFile()).toBe(true);
  });

  test("a tree that is deeper than there are descriptors is removed", () => {
    const tree = host.own("store/deep");
    writeFileSync(join(tree, "removed-0"), "");
    const dig = "import os\nfor i in range(2000): os.mkdir('d'); os.mkdir('e'); os.chdir('d')";
    expect(spawnSync("python3", ["-c", dig], { ...host.options(), cwd: tree }).status).toBe(0);
    const words = host.words("removePaths", host.store, ["deep"]);
    const { stdout } = spawnSync(
      "sh",
      ["-c", 'ulimit -n 200; exec "$0" "$@"', process.execPath, ...words],
      host.options(),
    );
    expect(stdout.toString()).toBe("{}");
    expect(() => statSync(tree)).toThrow("ENOENT");
  });
});

test.each([
  [[], "a verb is needed: run, enter, limit, network"],
  [["mount"], "mount: not a verb"],
  [["remove", "--uid-map", "0:100000:1x"], "--uid-map 0:100000:1x: not INSIDE:OUTSIDE:COUNT"],
  [["remove", "--uid-map", "0:1:4294967295"], "--uid-map 4294967295: larger than 4294967294"],
  [["run", "--network", "bridge"], "--network bridge: not host, none or private"],
  [["run", "--mkdir", "/a", "0789", "0", "0"], "--mkdir 0789: not a mode in octal"],
  [["run", "--bind", "/a"], "--bind: a value is missing"],
  [["run", "--store", "/", "--layer", "a", "--wait"], "run: --wait and a command belong together"],
  [["enter", "--network", "bridge"], "--network bridge: not host, none or private"],
  [["enter", "--pid", "-1"], "--pid -1: not a number"],
  [["enter", "--pid", "1"], "enter: --pid, --starttime and a command are needed"],
])("the native programs refuse %j", (words, message) => {
  const name = words[0] === "remove" ? "devenv-layers" : "devenv-sandbox";
  const program = resolve(import.meta.dirname, "../../dist", name);
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({
    status: 125,
    stdout: "",
    stderr: `${name}: ${message}\n`,
  });
});

function readNamespace(name: string): string {
  return `${name}:[${statSync(`/proc/self/ns/${name}`).ino}]`;
}
