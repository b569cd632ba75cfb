import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mountOperations } from "../../src/environment/plan.ts";
import type { Operation, StepPlan, StepResult } from "../../src/sandbox/index.ts";
import { Host, rootCommand, testers } from "./host.ts";
import { layerOf } from "./layer-tools.ts";

/** Shows what is mounted where everything of the system belongs, and writes where the developer may. */
const probe = [
  "stat -fc '%n %T' /proc /sys /dev /dev/pts /dev/shm /run",
  "stat -c '%n %t:%T' /dev/null",
  "cat /etc/hostname",
  "echo made > /workspaces/p/made && echo made > /home/dev/made",
].join(";");
const asItShouldBe = [
  ...["/proc proc", "/sys sysfs", "/dev tmpfs", "/dev/pts devpts", "/dev/shm tmpfs", "/run tmpfs"],
  ...["/dev/null 1:3", "p", ""],
].join("\n");

/** VFS_CAP_REVISION_2 with all capabilities permitted and to be inherited (capabilities(7)). */
const everyCapability =
  "\0\0\0\u0002\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u0001\0\0\0\0\0\0";

/** What becomes of a name that is a link in the image: it is refused, or what belongs there replaces or covers it. */
const links: Readonly<Record<string, "refused" | "covered">> = {
  proc: "refused",
  sys: "refused",
  dev: "refused",
  run: "refused",
  "home/dev": "refused",
  "workspaces/p": "refused",
  "etc/resolv.conf": "covered",
  "dev/null": "covered",
  "dev/pts": "covered",
  "proc/sys": "covered",
  "sys/fs": "covered",
  "run/lock": "covered",
  "etc/hosts": "covered",
  "etc/hostname": "covered",
  // A directory above: what ends inside of the root may be meant so.
  etc: "refused",
  home: "refused",
  workspaces: "refused",
};

const upwards: Readonly<Record<string, "refused" | "covered">> = {
  ...links,
  etc: "covered",
  // What is to be /home/dev would be /dev, and without its devices nothing runs.
  workspaces: "covered",
};

/** What else can stand in the way, made by a shell in the layer. */
const obstacles: readonly [what: string, script: string, message: RegExp | undefined][] = [
  ["a file as /dev", "echo > dev", /^the mount point \/dev is not a directory in the image$/],
  ["a file as /proc", "echo > proc", /^the mount point \/proc is not a directory in the image$/],
  ["a pipe as /sys", "mkfifo sys", /^the mount point \/sys is not a directory in the image$/],
  ["a file as /etc", "echo > etc", /^the directory \/etc cannot be/],
  ["a directory as /etc/hosts", "mkdir -p etc/hosts", /^\/etc\/hosts cannot be replaced: Is a directory$/],
  [
    "a directory as /etc/resolv.conf",
    "mkdir -p etc/resolv.conf",
    /^the mount point \/etc\/resolv.conf is a directory in the image$/,
  ],
  ["a pipe as /etc/hostname", "mkdir etc; mkfifo etc/hostname", undefined],
  ["a pipe as /etc/resolv.conf", "mkdir etc; mkfifo etc/resolv.conf", undefined],
  ["a directory as /dev/null", "mkdir -p dev/null", undefined],
  ["a file as /dev/pts", "mkdir dev; echo > dev/pts", undefined],
];

function refusal(name: string): RegExp {
  if (name === "home") return /^(the directory \/home |\/dev\/null of the environment )cannot be /;
  return new RegExp(`^the (directory|mount point) /${name}\\b`);
}

describe.each(testers())("a hostile image of $label", (tester) => {
  let host: Host;
  let outside: string;
  let operations: Operation[];

  beforeAll(() => {
    host = new Host(tester);
    outside = host.own("outside");
    chmodSync(outside, 0o777);
    writeFileSync(join(outside, "kept"), "kept");
    operations = [
      ...mountOperations({
        settings: { name: "p", env: {}, limits: {}, mounts: [], network: "host", ports: [], hostPorts: [] },
        project: host.own("project"),
        home: host.own("home"),
        volume: (name) => name,
        user: host.identity.user,
        hosts: "",
        hasResolver: true,
      }),
      { kind: "bind", source: "/usr", target: "/usr", readonly: true },
      ...["bin", "lib", "lib64"].map(
        (name): Operation => ({ kind: "symlink", target: `/${name}`, content: `usr/${name}` }),
      ),
    ];
  });
  afterAll(() => {
    host.call("removePaths", host.store, ["hostile"]);
    host.close();
  });

  /** A layer that a shell fills as the tester. */
  function layer(script: string): string {
    host.call("removePaths", host.store, ["hostile"]);
    execFileSync("sh", ["-ec", script], { ...host.options(), cwd: host.own("store/hostile") });
    return "hostile";
  }

  function plan(name: string, changes: Partial<StepPlan> = {}): StepPlan {
    const { root, ...rest } = host.plan();
    const command = { ...rootCommand(probe), ...host.identity.user };
    return { ...rest, ...command, operations, root: { ...root, layers: [name] }, ...changes };
  }

  function outcome(attempt: StepPlan): string {
    const answer = spawnSync(process.execPath, host.words("runStep", attempt), host.options());
    const { result, error } = JSON.parse(answer.stdout.toString()) as {
      result?: StepResult;
      error?: { message: string };
    };
    expect(readdirSync(outside)).toEqual(["kept"]);
    expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
    return result?.output ?? error?.message ?? "";
  }

  test.each([
    ["an absolute path of the host", links, (): string => outside],
    ["a path upwards out of the root", links, (): string => `${"../".repeat(20)}${outside}`],
    ["the root of a process", links, (): string => `/proc/1/root${outside}`],
    ["the directory of a process", links, (): string => "/proc/self/cwd"],
    ["its own parent", upwards, (): string => ".."],
  ] as const)("that has links to %s leads nowhere", (_, expected, target) => {
    for (const [name, wanted] of Object.entries(expected)) {
      const hostile = layer(`mkdir -p "$(dirname ${name})" && ln -s ${target()} ${name}`);
      const message = outcome(plan(hostile));
      expect([name, message]).toEqual([
        name,
        wanted === "covered" ? asItShouldBe : expect.stringMatching(refusal(name)),
      ]);
    }
  });

  test.each(obstacles)("with %s does no harm", (_, script, message) => {
    const hostile = layer(script);
    if (message === undefined) expect(outcome(plan(hostile))).toBe(asItShouldBe);
    else expect(outcome(plan(hostile))).toMatch(message);
  });

  test.each([
    ["that leads nowhere", "../run/systemd/resolve/stub-resolv.conf"],
    ["that leads nowhere, from the root", "/run/nowhere/file"],
    ["to a file", "/usr/share/file"],
    ["to a directory", "/usr"],
    ["to itself", "file"],
    ["out of the root", "../../../../../../etc/passwd"],
    ["to a process", "/proc/1/root/etc/passwd"],
  ])("with links %s as the files of names gets its own files instead, and nothing else", (_, target) => {
    const names = ["hostname", "hosts", "resolv.conf"];
    const links = names.map((name) => `ln -s ${target === "file" ? name : target} etc/${name}`);
    const hostile = layer(["mkdir etc", ...links].join("\n"));
    const script = "cd /etc; ls -A; stat -c %F *; cat hostname; cmp resolv.conf /host; ls -A /run /etc";
    const bind = { kind: "bind", source: "/etc/resolv.conf", target: "/host", readonly: true } as const;
    const text = outcome(plan(hostile, { operations: [...operations, bind], ...rootCommand(script) }));
    const files = names.map(() => "regular file");
    expect(text.trimEnd().split("\n")).toEqual([
      ...[...names, ...files, "p"],
      ...["/etc:", ...names, "", "/run:", "lock"],
    ]);
  });

  test("with set-user-id programs and capabilities of files gives nobody anything", () => {
    const program = { mode: 0o755, content: readFileSync("/usr/bin/grep") };
    const id = readFileSync("/usr/bin/id");
    const { data, ...layer } = layerOf([
      { name: "as-root", mode: 0o6755, content: id },
      { name: "with-all", ...program, pax: { "SCHILY.xattr.security.capability": everyCapability } },
    ]);
    writeFileSync(join(host.directory, "blob"), data);
    host.call("removePaths", host.store, ["hostile"]);
    const place = { store: host.store, root: "hostile", file: join(host.directory, "blob") };
    host.call("unpackLayer", { ...place, ...layer });
    const script = [
      "stat -c %a:%u:%g /as-root; /as-root -u; /as-root -g",
      'python3 -c \'import os; print(len(os.getxattr("/with-all", "security.capability")))\'',
      "/with-all -E 'CapPrm|CapEff|NoNewPrivs' /proc/self/status",
    ];
    const attempt = { ...plan("hostile"), ...rootCommand(script.join("\n")), ...host.identity.user };
    const { uid, gid } = host.identity.user;
    expect(outcome(attempt).trimEnd().split(/\s+/)).toEqual([
      ...["6755:0:0", String(uid), String(gid), "20"],
      ...["CapPrm:", "0000000000000000", "CapEff:", "0000000000000000", "NoNewPrivs:", "1"],
    ]);
  });

  test("with device nodes, in itself or in the project, opens no device", () => {
    const hostile = layer("true");
    const project = host.own("project");
    // Only root can make them; others may find them on a disk that they are given.
    const isRoot = process.getuid?.() === 0;
    for (const directory of isRoot ? [join(host.store, hostile), project] : [])
      for (const [name, ...device] of [
        ["random", "c", "1", "8"] as const,
        ["disk", "b", "7", "0"] as const,
      ]) {
        execFileSync("rm", ["-f", join(directory, name)]);
        execFileSync("mknod", ["-m", "666", join(directory, name), ...device]);
        chownSync(join(directory, name), tester.uid, tester.gid);
      }
    const program = [
      "import errno, os",
      "for path in ('/random', '/disk', '/workspaces/p/random', '/workspaces/p/disk'):",
      "    try: print(path, os.open(path, os.O_RDONLY))",
      "    except OSError as error: print(path, errno.errorcode[error.errno])",
      "for kind, number in ((0o020666, os.makedev(1, 8)), (0o060666, os.makedev(7, 0))):",
      "    for place in ('/made', '/dev/shm/made', '/workspaces/p/made-device'):",
      "        try: print('made', place, os.mknod(place, kind, number))",
      "        except OSError as error: print(errno.errorcode[error.errno])",
    ];
    const refused = isRoot ? "EACCES" : "ENOENT";
    for (const ids of [host.identity.user, { uid: 0, gid: 0 }]) {
      const attempt = { ...plan(hostile, ids), command: ["python3", "-c", program.join("\n")] };
      expect(outcome(attempt).trimEnd().split("\n")).toEqual([
        ...[`/random ${refused}`, `/disk ${refused}`],
        ...[`/workspaces/p/random ${refused}`, `/workspaces/p/disk ${refused}`],
        ...Array.from({ length: 6 }, () => "EPERM"),
      ]);
    }
  });
});
