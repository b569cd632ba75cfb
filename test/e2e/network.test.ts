import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { eventually, Ground, type Project, type Running } from "../support/ground.ts";
import {
  addOtherAddresses,
  ask,
  askUntil,
  elsewhere,
  freePort,
  hasRoute6,
  isRunning,
  otherAddress,
  otherAddress6,
  portOf,
  processesOf,
  removeOtherAddresses,
  serve,
  serveNames,
} from "../support/network-host.ts";

/** A server in Perl, which every Debian has: answers a line with what it is called and that line. */
const server = `
use IO::Socket::IP; $| = 1;
my $s = IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 100, ReuseAddr => 1) or die "$@";
print "listening\\n";
while (my $c = $s->accept) { my $line = <$c>; print $c "$ARGV[2] $line"; close $c }`;

/** Prints what a server says, or why there is none. */
const reading = (address: string, port: number) =>
  `timeout 10 bash -c 'exec 3<>/dev/tcp/${address}/${port} && cat <&3' 2>&1 || true`;

describe.each(testers())("the network of $label", (tester) => {
  let ground: Ground;
  let outside: Server;
  let loopback: Server;
  let project: Project;

  beforeAll(async () => {
    addOtherAddresses();
    ground = new Ground(tester);
    outside = await serve({ host: otherAddress }, "from outside");
    loopback = await serve({ host: "127.0.0.1" }, "from the host's loopback");
    project = ground.project({ name: "private" });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    outside.close();
    loopback.close();
    await ground.close();
    removeOtherAddresses();
  });

  const stateFile = (of: Project) => join(of.environment, "network");
  async function listen(of: Project, address: string, port: number, name: string): Promise<Running> {
    const running = of.start(["exec", "--", "perl", "-e", server, address, String(port), name]);
    await running.until("listening");
    return running;
  }

  test("what is outside is reached; the host's loopback and abstract sockets are not", async () => {
    expect((await project.inside(reading(otherAddress, portOf(outside)))).out).toBe("from outside\n");
    const name = `devenv-test-${tester.uid}`;
    const abstract = await serve(`\0${name}`, "from an abstract socket");
    const perl = `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); print connect($s, "\\x01\\0\\0${name}") ? "reached" : $!`;
    for (const address of ["127.0.0.1", "localhost"])
      expect((await project.inside(reading(address, portOf(loopback)))).out).toContain("Connection refused");
    // The address of the way out would be the host's, and 10.0.2.2 with slirp4netns.
    const gateway =
      "perl -ane 'print join(q(.), reverse map hex, $F[2] =~ /../g) if $F[1] eq q(00000000)' /proc/net/route";
    const way = (await project.inside(gateway)).out;
    expect(way).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect((await project.inside(reading(way, portOf(loopback)))).out).not.toContain("from the host");
    expect((await project.run(["exec", "--", "perl", "-e", perl])).out).toBe("Connection refused");
    abstract.close();
  });

  test("so is what is outside by IPv6, where the host has a way there", async () => {
    const six = await serve({ host: otherAddress6 }, "from outside");
    const { out } = await project.inside(reading(otherAddress6, portOf(six)));
    expect(out).toMatch(hasRoute6() ? /^from outside\n$/ : /unreachable/);
    for (const address of ["::1", "::ffff:127.0.0.1"])
      expect((await project.inside(reading(address, portOf(loopback)))).out).toContain("Connection refused");
    six.close();
  });

  test("names are those of the own machine; the host's list stays outside", async () => {
    const { out } = await project.inside("cat /etc/hosts; getent hosts private");
    expect(out).toBe(
      "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 private\n127.0.1.1       private\n",
    );
  });

  test.each(["pasta", "slirp4netns"])("names are asked of the host's own resolver: %s", async (helper) => {
    const named = ground.project({ name: `named-${helper}` });
    named.write("resolv.conf", "nameserver 127.0.0.53\nsearch example.test\noptions ndots:2\n");
    named.write("nothing", "");
    const names = await serveNames("127.0.0.53", "203.0.113.9");
    try {
      const files: [string, string][] = [[join(named.root, "resolv.conf"), "/etc/resolv.conf"]];
      if (helper === "slirp4netns") files.push([join(named.root, "nothing"), "/usr/bin/pasta"]);
      const words = elsewhere(tester, files, [ground.program, "up"]);
      const up = await ground.startAsRoot(words, { cwd: named.root }).outcome;
      expect(up).toMatchObject({ code: 0 });
      const { out } = await named.inside("cat /etc/resolv.conf; getent ahostsv4 shop | head -n 1");
      expect(out).toMatch(
        /search example\.test\noptions ndots:2\n203\.0\.113\.9 +STREAM shop\.example\.test\n$/,
      );
      expect((await named.inside(reading(otherAddress, portOf(outside)))).out).toBe("from outside\n");
      expect((await named.inside(reading("10.0.2.2", portOf(loopback)))).out).not.toContain("from the host");
      const [child = 0] = processesOf(stateFile(named)).children;
      expect(isRunning(child)).toBe(true);
      expect((await named.run(["down"])).code).toBe(0);
      expect(isRunning(child)).toBe(false);
    } finally {
      names.close();
    }
  });

  test("without a helper it is an error that names the package and what to write instead", async () => {
    const without = ground.project({ name: "without" });
    without.write("nothing", "");
    const nothing = join(without.root, "nothing");
    const files = ["pasta", "slirp4netns"].map((name): [string, string] => [nothing, `/usr/bin/${name}`]);
    const words = elsewhere(tester, files, [ground.program, "up"]);
    const { code, err } = await ground.startAsRoot(words, { cwd: without.root }).outcome;
    expect(code).toBe(1);
    expect(err).toContain(
      "error: a private network needs pasta, which is not installed\n  apt-get install passt\n",
    );
    expect(err).toContain('"network": "host"');
  });

  test("ports: both families of the host's loopback, before and after the server, which may be slow to come", async () => {
    const [same, other] = [await freePort(), await freePort()];
    const web = ground.project({ name: "web", ports: [same, `${other}:80`] });
    expect(await web.run(["up"])).toMatchObject({ code: 0 });
    expect(await ask("127.0.0.1", same, "hello")).toBe("ECONNRESET");
    const servers = [await listen(web, "127.0.0.1", same, "four"), await listen(web, "::1", 8081, "six")];
    for (const host of ["127.0.0.1", "::1"]) expect(await ask(host, same, "hello")).toBe("four hello\n");
    expect(await ask("127.0.0.1", other, "hello")).toBe("ECONNRESET");
    expect(await ask(otherAddress, same, "hello")).toBe("ECONNREFUSED");
    const { out } = await web.run(["status"]);
    expect(out).toContain(`port     80 at 127.0.0.1:${other} and [::1]:${other} of the host\n`);
    expect((await web.run(["down"])).code).toBe(0);
    await Promise.all(servers.map(({ outcome }) => outcome));
    expect(await ask("127.0.0.1", same, "hello")).toBe("ECONNREFUSED");
  });

  test("a server at ::1 alone is reached as well, and much comes through in both directions", async () => {
    const port = await freePort();
    const six = ground.project({ name: "six", ports: [`${port}:7000`] });
    expect(await six.run(["up"])).toMatchObject({ code: 0 });
    const running = await listen(six, "::1", 7000, "six");
    for (const host of ["127.0.0.1", "::1"]) expect(await ask(host, port, "hello")).toBe("six hello\n");
    const long = "x".repeat(3_000_000);
    expect(await ask("127.0.0.1", port, long)).toBe(`six ${long}\n`);
    expect(await Promise.all(Array.from({ length: 50 }, (_, i) => ask("::1", port, String(i))))).toEqual(
      Array.from({ length: 50 }, (_, i) => `six ${i}\n`),
    );
    await six.run(["down"]);
    await running.outcome;
  });

  test("a port that is taken is told with who has it, before anything is stopped", async () => {
    const port = await freePort();
    const first = ground.project({ name: "first", ports: [port] });
    expect(await first.run(["up"])).toMatchObject({ code: 0 });
    const second = ground.project({ name: "second" });
    expect(await second.run(["up"])).toMatchObject({ code: 0 });
    second.configure({ name: "second", ports: [port] });
    const { code, err } = await second.run(["up"]);
    expect(code).toBe(1);
    expect(err).toContain(
      `error: port ${port} of the host is taken: the environment first (${first.root}) has it\n`,
    );
    expect(err).toContain('choose another port of the host in "ports"');
    expect((await second.run(["status"])).out).toContain("running since");
    await first.run(["down"]);
    const script = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("listening"))`;
    const holder = ground.start([process.execPath, "-e", script], { cwd: second.root });
    await holder.until("listening");
    expect((await second.run(["up"])).err).toMatch(
      new RegExp(`port ${port} of the host is taken: \\S+ \\(process ${holder.child.pid}\\) has it`),
    );
    holder.child.kill();
    await holder.outcome;
    const changed = await second.run(["up"]);
    expect(changed).toMatchObject({ code: 0 });
    expect(changed.err).toContain('second restarts: "ports" changed in devenv.jsonc\n');
  });

  test("a port of root's is told with the ways out, unless the user is root; inside it is anybody's", async () => {
    const inner = ground.project({ name: "inner", ports: [`${await freePort()}:81`] });
    const running = await listen(inner, "127.0.0.1", 81, "inner");
    await inner.run(["down"]);
    await running.outcome;
    const low = ground.project({ name: "low", ports: [81] });
    const { code, err } = await low.run(["up"]);
    if (tester.uid === 0) {
      expect({ code, err }).toMatchObject({ code: 0 });
      return;
    }
    expect(code).toBe(1);
    expect(err).toContain("port 81 of the host cannot be had: Permission denied");
    expect(err).toContain('"8081:81", or, as root: sysctl net.ipv4.ip_unprivileged_port_start=81');
  });

  test("ports of the host are reachable inside when the user agreed to exactly them", async () => {
    const port = portOf(loopback);
    const asking = ground.project({ name: "asking", hostPorts: [port] });
    const refused = await asking.run(["up"]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(`asking asks for port ${port} of this machine's loopback`);
    expect(refused.err).toContain("devenv up --allow-host-ports\n");
    expect(await asking.run(["up", "--allow-host-ports"])).toMatchObject({ code: 0 });
    const look = async () => (await asking.inside(reading("127.0.0.1", port))).out;
    expect(await look()).toBe("from the host's loopback\n");
    expect((await asking.inside(reading("localhost", port))).out).toBe("from the host's loopback\n");
    await asking.run(["down"]);
    // Remembered, also for a start by exec.
    expect(await look()).toBe("from the host's loopback\n");
    const other = await serve({ host: "127.0.0.1" }, "another");
    asking.configure({ name: "asking", hostPorts: [port, portOf(other)] });
    expect((await asking.run(["up"])).err).toContain(`asking asks for port ${portOf(other)} of`);
    expect((await asking.inside(reading("127.0.0.1", portOf(other)))).out).toContain("Connection refused");
    other.close();
  });

  test("none has the loopback device and the ports that are declared, nothing else", async () => {
    const port = await freePort();
    const none = ground.project({ name: "none", network: "none", ports: [`${port}:7000`] });
    expect(await none.run(["up"])).toMatchObject({ code: 0 });
    expect((await none.inside(reading(otherAddress, portOf(outside)))).out).toContain("unreachable");
    expect((await none.inside("ls /sys/class/net")).out).toBe("lo\n");
    const running = await listen(none, "127.0.0.1", 7000, "none");
    expect(await ask("127.0.0.1", port, "hello")).toBe("none hello\n");
    await none.run(["down"]);
    await running.outcome;
  });

  test("the host's network is there when the user agreed, once", async () => {
    const host = ground.project({ name: "host", network: "host" });
    const refused = await host.run(["up"]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("host asks for the host's network: every service of this machine");
    expect(refused.err).toContain("devenv up --allow-host-network\n");
    const look = reading("127.0.0.1", portOf(loopback));
    expect((await host.run(["exec", "--allow-host-network", "--", "sh", "-c", look])).out).toBe(
      "from the host's loopback\n",
    );
    await host.run(["down"]);
    expect((await host.inside(look)).out).toBe("from the host's loopback\n");
  });

  test("a user is asked on a terminal, and may say it for all environments", async () => {
    const host = ground.project({ name: "host", network: "host" });
    const no = await host.terminal(
      ["up"],
      [
        ["wait", "[y/N]"],
        ["type", "n\n"],
      ],
    );
    expect(no).toMatchObject({ code: 1 });
    expect(no.shown).toContain("nobody agreed to that");
    const yes = await host.terminal(
      ["up"],
      [
        ["wait", "[y/N]"],
        ["type", "y\n"],
      ],
    );
    expect(yes, yes.shown).toMatchObject({ code: 0 });
    expect(host.state.allowsHostNetwork).toBe(true);
    const second = ground.project({ name: "second", network: "host" });
    second.write("config/devenv/settings.jsonc", '{ "allow": ["host-network"] }');
    const env = { XDG_CONFIG_HOME: join(second.root, "config") };
    expect(await second.run(["up"], { env })).toMatchObject({ code: 0 });
    second.write("config/devenv/settings.jsonc", '{ "allow": ["everything"] }');
    second.configure({ name: "second", network: "none" });
    expect((await second.run(["up"], { env })).err).toContain('"allow" is not ["host-network"]');
  });

  test.each(["down", "rm", "kill"])("nothing is left of a network after: %s", async (end) => {
    const port = await freePort();
    const gone = ground.project({ name: "gone", ports: [port] });
    expect(await gone.run(["up"])).toMatchObject({ code: 0 });
    const { watcher, children } = processesOf(stateFile(gone));
    expect(children).toHaveLength(2);
    const file = stateFile(gone);
    if (end === "kill") process.kill(gone.init.pid, "SIGKILL");
    else expect((await gone.run(end === "rm" ? ["rm", "-y"] : [end])).code).toBe(0);
    await eventually(() => ![watcher, ...children].some(isRunning) && !existsSync(file));
    expect(await ask("127.0.0.1", port, "hello")).toBe("ECONNREFUSED");
    // The port is free at once for the next start.
    expect(await gone.run(["up"])).toMatchObject({ code: 0 });
  });

  test("what looked after a network and ends late takes nothing from the next one", async () => {
    const late = ground.project({ name: "late" });
    expect(await late.run(["up"])).toMatchObject({ code: 0 });
    const { watcher } = processesOf(stateFile(late));
    process.kill(watcher, "SIGSTOP");
    // What it wrote goes too, so that the next start does not know of it.
    expect(await late.run(["rm", "-y"])).toMatchObject({ code: 0 });
    expect(await late.run(["up"])).toMatchObject({ code: 0 });
    process.kill(watcher, "SIGCONT");
    await eventually(() => !isRunning(watcher));
    expect((await late.run(["status"])).out).toMatch(/^network +private$/m);
    expect((await late.inside(reading(otherAddress, portOf(outside)))).out).toBe("from outside\n");
  });

  test.each(["helper", "watcher"])(
    "a network that is lost is told, and there again with the next up: %s",
    async (which) => {
      const port = await freePort();
      const lost = ground.project({ name: "lost", ports: [`${port}:7000`] });
      expect(await lost.run(["up"])).toMatchObject({ code: 0 });
      const init = lost.init.pid;
      const { watcher, children } = processesOf(stateFile(lost));
      process.kill(which === "watcher" ? watcher : (children.at(-1) ?? 0), "SIGKILL");
      await eventually(() => ![watcher, ...children].some(isRunning));
      expect((await lost.run(["status"])).out).toMatch(
        /network +private, lost: the network helper (was )?ended/,
      );
      const { code, err } = await lost.run(["up"]);
      expect(code).toBe(0);
      expect(err).toContain("lost had lost its network (the network helper");
      expect(lost.init.pid).toBe(init);
      expect((await lost.inside(reading(otherAddress, portOf(outside)))).out).toBe("from outside\n");
      const running = await listen(lost, "127.0.0.1", 7000, "again");
      await askUntil("127.0.0.1", port, "again hello\n");
      await lost.run(["down"]);
      await running.outcome;
    },
  );

  test("a helper that cannot work is told with its remedy, and nothing is left running", async () => {
    const broken = ground.project({ name: "broken" });
    writeFileSync(join(broken.root, "tun"), "");
    const words = elsewhere(tester, [[join(broken.root, "tun"), "/dev/net/tun"]], [ground.program, "up"]);
    const { code, err } = await ground.startAsRoot(words, { cwd: broken.root }).outcome;
    expect(code).toBe(1);
    expect(err).toMatch(/error: broken has no network: the network helper ended: .*tun/);
    expect(err).toContain("As root: ");
    expect((await broken.run(["status"])).out).toContain("stopped");
  });

  test("the helper has nothing of whoever started the environment", async () => {
    const serving = ground.project({ name: "serving", ports: [await freePort()] });
    expect(await serving.run(["up"])).toMatchObject({ code: 0 });
    const { watcher, children } = processesOf(stateFile(serving));
    expect(children).toHaveLength(2);
    for (const pid of [watcher, ...children]) {
      const { out } = await ground.startAsRoot(
        ["sh", "-c", `readlink /proc/${pid}/fd/*; cat /proc/${pid}/stat`],
        {
          cwd: "/",
        },
      ).outcome;
      expect(out.split("\n")[0]).toBe("/dev/null");
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      // The helper itself keeps what carrying packets takes, in the environment's user namespace.
      if (status.startsWith("Name:\tdevenv-network\n")) expect(status).toMatch(/^CapEff:\t0+$/m);
      const others = pid === watcher ? out.replace(`\n${stateFile(serving)}\n`, "\n") : out;
      expect(others).not.toMatch(/devenv-e2e|^\/dev\/pts|memfd/m);
      // Field 7 of proc_pid_stat(5) is the terminal.
      expect(out.slice(out.lastIndexOf(")")).split(" ")[5]).toBe("0");
    }
  });
});
