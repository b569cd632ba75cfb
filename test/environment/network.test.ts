import { expect, test } from "vitest";
import { agree, type Consent } from "../../src/environment/consent.ts";
import { isOffline, networkFailed, planNetwork, resolverFile } from "../../src/environment/network.ts";
import { parseListening } from "../../src/environment/port-holder.ts";
import type { StartSettings } from "../../src/environment/state.ts";
import { networkWords } from "../../src/sandbox/plan.ts";

const settings: StartSettings = {
  name: "shop",
  env: {},
  limits: {},
  mounts: [],
  network: "private",
  ports: [
    { host: 3000, inside: 3000 },
    { host: 8080, inside: 80 },
  ],
  hostPorts: [5432],
};
const pasta = { kind: "pasta", path: "/usr/bin/pasta" } as const;
const slirp = { kind: "slirp4netns", path: "/usr/bin/slirp4netns" } as const;
const host = { isRoot: false, resolver: "nameserver 192.0.2.1\n" };

/** The command line of the helper, in one. */
function helperLine(program: typeof pasta | typeof slirp, resolver = host.resolver, isRoot = false): string {
  const plan = planNetwork(settings, "/store/e", program, { isRoot, resolver });
  return plan?.helper?.words.join(" ") ?? "";
}

test("pasta connects the network and forwards nothing by itself", () => {
  const line =
    "/usr/bin/pasta --foreground --quiet --config-net --ns-ifname eth0 --tcp-ports none --udp-ports none --tcp-ns none --udp-ns none --no-map-gw --no-netns-quit";
  const end = "--pid /proc/self/fd/1 {pid}";
  expect(helperLine(pasta)).toBe(`${line} ${end}`);
  expect(helperLine(pasta, host.resolver, true)).toBe(`${line} --runas 0 ${end}`);
  expect(helperLine(pasta, "nameserver 127.0.0.53\n")).toBe(`${line} --dns-forward 169.254.1.1 ${end}`);
});

test("slirp4netns does not lead to the host's loopback either", () => {
  expect(helperLine(slirp)).toBe(
    "/usr/bin/slirp4netns --configure --mtu=65520 --disable-host-loopback --enable-ipv6 --ready-fd=3 {pid} eth0",
  );
});

test("the sandbox is told of ports in words of their own", () => {
  const plan = planNetwork(settings, "/store/e", slirp, host);
  if (plan === undefined) throw new Error("nothing is planned");
  expect(networkWords(plan).slice(0, 10)).toEqual([
    ...["--network-state", "/store/e/network"],
    ...["--network-publish", "3000:3000", "--network-publish", "8080:80"],
    ...["--network-host-port", "5432", "--network-ready", "3"],
  ]);
});

test("nothing looks after the host's network, or after none; ports lead into one that has no helper", () => {
  const plan = (changes: Partial<StartSettings>) =>
    planNetwork({ ...settings, ...changes }, "/store/e", undefined, host);
  expect(plan({ network: "host", hostPorts: [] })).toBeUndefined();
  expect(plan({ network: "none", ports: [], hostPorts: [] })).toBeUndefined();
  expect(plan({ network: "none" })).toEqual({
    stateFile: "/store/e/network",
    ports: settings.ports,
    hostPorts: [5432],
  });
});

test.each<[string, string, string]>([
  ["what is reachable stays", "nameserver 192.0.2.1\n", "nameserver 192.0.2.1\n"],
  [
    "a resolver of the host's own is asked by way of pasta; domains and options stay, comments do not",
    "# by hand\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n",
    "nameserver 169.254.1.1\noptions edns0 trust-ad\nsearch example.org\n",
  ],
  [
    "servers behind it stay",
    "nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
    "nameserver 169.254.1.1\nnameserver 192.0.2.1\n",
  ],
  ["one that is not the first goes", "nameserver 192.0.2.1\nnameserver ::1\n", "nameserver 192.0.2.1\n"],
  [
    "so does one on a link of the host",
    "nameserver 192.0.2.1\nnameserver fe80::1%eth0\n",
    "nameserver 192.0.2.1\n",
  ],
  [
    "without any, the host's own is meant",
    "search example.org\n",
    "nameserver 169.254.1.1\nsearch example.org\n",
  ],
])("/etc/resolv.conf: %s", (_, resolver, expected) => {
  expect(resolverFile(resolver, pasta)).toBe(expected);
});

test("/etc/resolv.conf: slirp4netns has an address for it", () => {
  expect(resolverFile("nameserver 192.0.2.1\nnameserver 127.0.0.1\nsearch a\n", slirp)).toBe(
    "nameserver 10.0.2.3\nsearch a\n",
  );
});

test("a failure is told with its remedy", async () => {
  const failed = await networkFailed("shop", "out of luck", "/dev/null");
  expect(failed.message).toBe("shop has no network: out of luck");
  expect(failed.hint).toBe('Or write "network": "host" or "none" into devenv.jsonc.');
  const { hint } = await networkFailed("shop", "out of luck", "/nowhere");
  expect(hint).toMatch(/^As root: modprobe tun, which makes \/nowhere\n/);
  expect(isOffline("the network helper ended: External interface not usable")).toBe(true);
  expect(isOffline("the network helper ended: out of luck")).toBe(false);
});

test("who listens at a loopback address, or at all of them", () => {
  const line = (address: string, state: string, inode: number) =>
    `   0: ${address}:0BB8 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0`;
  const addresses = [
    "0100007F",
    "00000000",
    "00000000000000000000000000000000",
    "00000000000000000000000001000000",
    "0000000000000000FFFF00000100007F",
  ];
  const text = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    ...addresses.map((address, i) => line(address, "0A", i)),
    line("0200A8C0", "0A", 90),
    line("0100007F", "01", 91),
  ].join("\n");
  expect(parseListening(text)).toEqual(addresses.map((_, i) => [3000, String(i)]));
});

const nobody: Consent = { allowsHostNetwork: false, allowedHostPorts: [] };
const wish = { name: "shop", network: "private", hostPorts: [] } as const;

test("what is the host's needs an agreement, which is remembered", async () => {
  expect(await agree(wish, nobody, {})).toEqual(nobody);
  await expect(agree({ ...wish, network: "host" }, nobody, {})).rejects.toMatchObject({
    code: "DEVENV_HOST_NETWORK",
    hint: "Once for this environment: devenv up --allow-host-network",
  });
  const agreed = await agree({ ...wish, network: "host" }, nobody, { allowHostNetwork: true });
  expect(agreed).toEqual({ allowsHostNetwork: true, allowedHostPorts: [] });
  expect(await agree({ ...wish, network: "host" }, agreed, {})).toEqual(agreed);
});

test("ports of the host need one each, and that for the network is none for them", async () => {
  const ports = { ...wish, hostPorts: [5432, 6379] };
  const before = { allowsHostNetwork: true, allowedHostPorts: [5432] };
  await expect(agree(ports, before, { allowHostNetwork: true })).rejects.toMatchObject({
    code: "DEVENV_HOST_PORTS",
    message: expect.stringContaining("asks for port 6379 of"),
    hint: "Once for this environment: devenv up --allow-host-ports",
  });
  const agreed = { allowsHostNetwork: true, allowedHostPorts: [5432, 6379] };
  expect(await agree(ports, before, { allowHostPorts: true })).toEqual(agreed);
});

test("a user is asked in words that say what it means; only a yes is one", async () => {
  const asked: string[] = [];
  const answer = (yes: boolean) => async (question: string) => {
    asked.push(question);
    return yes;
  };
  await expect(agree({ ...wish, network: "host" }, nobody, { confirm: answer(false) })).rejects.toMatchObject(
    {
      code: "DEVENV_HOST_NETWORK",
    },
  );
  expect(await agree({ ...wish, hostPorts: [5432] }, nobody, { confirm: answer(true) })).toEqual({
    allowsHostNetwork: false,
    allowedHostPorts: [5432],
  });
  expect(asked).toEqual([
    expect.stringContaining("every service of this machine"),
    expect.stringContaining("port 5432 of this machine's loopback"),
  ]);
});
