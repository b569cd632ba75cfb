import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planNetwork } from "../../src/environment/network.ts";
import type { EnvironmentProcess, SandboxPlan } from "../../src/sandbox/index.ts";
import {
  addOtherAddresses,
  otherAddress,
  portOf,
  removeOtherAddresses,
  serve,
} from "../support/network-host.ts";
import { type Attacker, answersOf, attackers, listener, prelude } from "./attackers.ts";
import { Host, rootCommand, testers } from "./host.ts";

/** Networks that are not the host's; the last two are private ones with that helper. */
const ownNetworks = ["none", "pasta", "slirp4netns"] as const;
type Network = "host" | (typeof ownNetworks)[number];

/**
 * Looks for services of the host: argument 1 is the abstract one, 2 the address that is not loopback, behind come the ports
 * of the services at 127.0.0.1 (TCP), ::1, 127.0.0.1 (UDP) and that address.
 */
const services = `
import concurrent.futures
name, address, four, six, datagrams, other = *sys.argv[1:3], *map(int, sys.argv[3:])
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(address)
        return "connected"
# Where helpers of networks have the host, if they are told to: the way out, and addresses of their own.
routes = [line.split() for line in text("/proc/net/route").splitlines()[1:]]
ways = [socket.inet_ntoa(bytes.fromhex(r[2])[::-1]) for r in routes if r[1] == "00000000"]
routes6 = [line.split() for line in text("/proc/net/ipv6_route").splitlines()]
fours = ["127.0.0.2", "0.0.0.0", "10.0.2.2", "169.254.1.1", *ways]
ways6 = [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(r[4])) for r in routes6 if r[0] == "0" * 32 != r[4]]
sixes = ["::", "::ffff:127.0.0.1", "fd00::2", *ways6]
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", four)))
attempt("loopback of IPv6", lambda: connect(socket.AF_INET6, ("::1", six)))
attempt("abstract", lambda: connect(socket.AF_UNIX, "\\0" + name))
attempt("outside", lambda: connect(socket.AF_INET, (address, other)))
targets = [(socket.AF_INET, place, four) for place in fours] + [(socket.AF_INET6, place, port) for place in sixes for port in (four, six)]
def reached(target):
    try: return connect(target[0], target[1:]) == "connected"
    except OSError: return False
with concurrent.futures.ThreadPoolExecutor(len(targets)) as all:
    print("by another address =", [place for (_, place, _), found in zip(targets, all.map(reached, targets)) if found])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
    connection.settimeout(1)
    for place in ["127.0.0.1", *fours]:
        try: connection.sendto(b"hello", (place, datagrams))
        except OSError: pass
    try: print("datagrams =", connection.recv(100).decode())
    except OSError: print("datagrams = none")
`;

describe.each(testers())("against services of the host of $label", (tester) => {
  let host: Host;
  let victim: ChildProcess;
  let servers: Server[];
  let datagrams: Socket;
  let words: string[];
  const running = new Map<Network, EnvironmentProcess>();
  const abstractName = `devenv-service-${process.pid}-${tester.uid}`;

  beforeAll(async () => {
    host = new Host(tester);
    for (const network of ["host", ...ownNetworks] as const)
      running.set(network, host.call("startEnvironment", { ...host.plan(), ...networkOf(network) }));
    victim = spawn("python3", ["-c", listener, abstractName], {
      ...{ uid: tester.uid, gid: tester.gid, cwd: "/" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(victim.stdout as Readable, "data");
    addOtherAddresses();
    servers = await Promise.all(
      ["127.0.0.1", "::1", otherAddress].map((address) => serve({ host: address }, "reached")),
    );
    const [four = 0, six = 0, other = 0] = servers.map(portOf);
    datagrams = createSocket("udp4").bind(0, "127.0.0.1");
    datagrams.on("message", (_, from) => datagrams.send("reached", from.port, from.address));
    await once(datagrams, "listening");
    const ports = [four, six, datagrams.address().port, other];
    words = [abstractName, otherAddress, ...ports.map(String)];
  });
  afterAll(() => {
    for (const environment of running.values()) host.call("stopEnvironment", environment);
    victim.kill("SIGKILL");
    for (const server of [...servers, datagrams]) server.close();
    removeOtherAddresses();
    host.close();
  });

  function networkOf(network: Network): Pick<SandboxPlan, "network" | "networkPlan"> {
    if (network === "host" || network === "none") return { network };
    const settings = { name: "p", env: {}, limits: {}, mounts: [], ports: [], hostPorts: [] };
    const program = { kind: network, path: `/usr/bin/${network}` };
    const facts = { isRoot: tester.uid === 0, resolver: readFileSync("/etc/resolv.conf", "utf8") };
    const networkPlan = planNetwork(
      { ...settings, network: "private" },
      host.own(`network-${network}`),
      program,
      facts,
    );
    return { network: "private", ...(networkPlan === undefined ? {} : { networkPlan }) };
  }

  async function attack(attacker: Attacker, network: Network): Promise<Record<string, string>> {
    const command = ["python3", "-c", prelude + services, ...words];
    const { network: kind, networkPlan } = networkOf(network);
    const environment = running.get(network);
    if (environment === undefined) throw new Error(`no environment with the network ${network}`);
    const call =
      attacker === "a build step"
        ? host.words("runStep", { ...host.plan(), ...rootCommand(""), command, network: kind })
        : host.words("enterEnvironment", {
            ...host.enterPlan(environment, command),
            network: kind,
            ...(networkPlan === undefined ? {} : { networkFile: networkPlan.stateFile }),
            ...(attacker === "root in it" ? { uid: 0, gid: 0 } : {}),
          });
    const child = spawn(process.execPath, call, { ...host.options(), stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (piece: string) => {
        printed += piece;
      });
    await once(child, "close");
    if (attacker !== "a build step") return answersOf(printed);
    return answersOf((JSON.parse(printed) as { result: { output: string } }).result.output);
  }

  /** Steps have no private network. */
  const cases = attackers.flatMap((attacker) =>
    ownNetworks
      .filter((network) => attacker !== "a build step" || network === "none")
      .map((network) => [attacker, network] as const),
  );

  test.each(cases)("%s reaches no service of the host's own; network: %s", async (attacker, network) => {
    expect(await attack(attacker, network)).toEqual({
      loopback: "ECONNREFUSED",
      "loopback of IPv6": "ECONNREFUSED",
      abstract: "ECONNREFUSED",
      // What the host offers to other machines it offers to a private network as well.
      outside: network === "none" ? "ENETUNREACH" : "connected",
      "by another address": "[]",
      datagrams: "none",
    });
  });

  test.each(attackers)(
    "%s reaches all of them with the host's network, or nobody would be there",
    async (attacker) => {
      expect(await attack(attacker, "host")).toMatchObject({
        loopback: "connected",
        "loopback of IPv6": "connected",
        abstract: "connected",
        outside: "connected",
        "by another address": expect.stringContaining("'::ffff:127.0.0.1'"),
        datagrams: "reached",
      });
    },
  );
});
