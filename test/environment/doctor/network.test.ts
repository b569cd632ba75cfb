import { expect, test } from "vitest";
import { examineNetwork, type NetworkHost } from "../../../src/environment/doctor/network.ts";

const host: NetworkHost = { tun: "usable", pasta: "/usr/bin/pasta", slirp4netns: undefined };

test.each([
  [{}, ["ok", "ok"], []],
  [{ tun: "refused" as const }, ["limited", "ok"], ["chmod 0666 /dev/net/tun"]],
  [{ tun: "absent" as const }, ["limited", "ok"], ["modprobe tun"]],
  [{ pasta: undefined, slirp4netns: "/usr/bin/slirp4netns" }, ["ok", "ok"], []],
  [{ pasta: undefined }, ["ok", "limited"], ["apt-get install passt || apt-get install slirp4netns"]],
])("a network with a way out: %o", (change, states, remedy) => {
  const findings = examineNetwork({ ...host, ...change });
  expect(findings.map(({ state }) => state)).toEqual(states);
  expect(findings.flatMap((finding) => finding.remedy)).toEqual(expect.arrayContaining(remedy));
  expect(findings.every(({ need }) => need === '"network": "private"')).toBe(true);
});
