import { expect, test } from "vitest";
import { type MountInputs, mountOperations } from "../../src/environment/plan.ts";
import type { StartSettings } from "../../src/environment/state.ts";
import { systemOperations } from "../../src/sandbox/index.ts";

const settings: StartSettings = {
  name: "shop",
  env: {},
  limits: {},
  mounts: [],
  network: "host",
  ports: [],
  hostPorts: [],
};
const inputs: MountInputs = {
  settings,
  project: "/home/u/shop",
  home: "/store/home",
  volume: (name) => `/store/volumes/${name}`,
  user: { uid: 1234, gid: 1235 },
  hosts: "127.0.0.1 localhost\n10.0.0.1 printer",
  hasResolver: true,
};

/** What comes after /proc, /dev and /sys. */
function own(changes: Partial<MountInputs> = {}, settingsChanges: Partial<StartSettings> = {}) {
  const all = mountOperations({ ...inputs, ...changes, settings: { ...settings, ...settingsChanges } });
  const system = systemOperations();
  expect(all.slice(0, system.length)).toEqual(system);
  return all.slice(system.length);
}
const file = (target: string, content: string) => ({
  kind: "file",
  target,
  mode: 0o644,
  uid: 0,
  gid: 0,
  content,
});
const bind = (source: string, target: string) => ({ kind: "bind", source, target, readonly: false });

test("the whole of a small environment, in its order", () => {
  expect(own()).toEqual([
    { kind: "tmpfs", target: "/run", mode: 0o755, uid: 0, gid: 0 },
    { kind: "mkdir", target: "/run/lock", mode: 0o1777, uid: 0, gid: 0 },
    file("/etc/hostname", "shop\n"),
    file("/etc/hosts", "127.0.0.1 localhost\n10.0.0.1 printer\n127.0.1.1 shop\n"),
    { kind: "bind", source: "/etc/resolv.conf", target: "/etc/resolv.conf", readonly: true },
    bind("/store/home", "/home/dev"),
    bind("/home/u/shop", "/workspaces/shop"),
  ]);
});

test("names are resolved as on the host where the network is the host's", () => {
  const sources = (changes: Partial<MountInputs>, network: "host" | "none") =>
    own(changes, { network }).flatMap((operation) => (operation.kind === "bind" ? [operation.source] : []));
  expect(sources({}, "host")).toContain("/etc/resolv.conf");
  expect(sources({ hasResolver: false }, "host")).not.toContain("/etc/resolv.conf");
  expect(sources({}, "none")).not.toContain("/etc/resolv.conf");
});

test("without a network, or without the host's list, only the own names are known", () => {
  const loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 shop\n";
  expect(own({}, { network: "none" })).toContainEqual(file("/etc/hosts", loopback));
  expect(own({ hosts: "" })).toContainEqual(file("/etc/hosts", loopback));
});

test("volumes come after the project, and directories above them belong to the user", () => {
  const mounts = [
    { volume: "cargo", target: "~/.cargo/registry/cache" },
    { volume: "data", target: "/var/lib/data" },
    { volume: "modules", target: "/workspaces/shop/node_modules" },
  ];
  const above = (target: string) => ({ kind: "mkdir", target, mode: 0o755, uid: 1234, gid: 1235 });
  expect(own({}, { mounts }).slice(-6)).toEqual([
    bind("/home/u/shop", "/workspaces/shop"),
    above("/home/dev/.cargo"),
    above("/home/dev/.cargo/registry"),
    bind("/store/volumes/cargo", "/home/dev/.cargo/registry/cache"),
    bind("/store/volumes/data", "/var/lib/data"),
    bind("/store/volumes/modules", "/workspaces/shop/node_modules"),
  ]);
});
