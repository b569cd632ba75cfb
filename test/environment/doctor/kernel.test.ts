import { expect, test } from "vitest";
import {
  examineKernel,
  examineMemory,
  examineUserNamespaces,
} from "../../../src/environment/doctor/kernel.ts";
import type { UserNamespaceHost } from "../../../src/sandbox/index.ts";

const host: UserNamespaceHost = {
  uid: 1000,
  unprivilegedClone: "1",
  most: "63457",
  appArmor: undefined,
  isFiltered: false,
  directory: "/opt/devenv",
};

test.each(["5.12.0", "5.15.0-105-generic", "6.1.0-56-cloud-amd64", "10.0"])("Linux %s will do", (version) => {
  expect(examineKernel("linux", version)).toEqual({
    name: "kernel",
    need: "every environment",
    state: "ok",
    detail: `Linux ${version}`,
    remedy: [],
  });
});

test.each(["5.11.22", "5.4.0-216-generic", "4.19.0", "3.10"])("Linux %s is too old", (version) => {
  expect(examineKernel("linux", version)).toMatchObject({
    state: "missing",
    detail: `Linux ${version} is older than 5.12`,
    remedy: ["# boot a newer kernel"],
  });
});

test("another system has no environments, and no newer kernel helps", () => {
  expect(examineKernel("darwin", "25.1.0")).toMatchObject({
    state: "missing",
    detail: "darwin; environments need Linux",
    remedy: [],
  });
});

test.each([
  [undefined, "ok"],
  ["0", "ok"],
  ["1", "ok"],
  ["2", "missing"],
])("vm.memfd_noexec = %s: programs in memory are %s", (setting, state) => {
  const finding = examineMemory(setting);
  expect(finding.state).toBe(state);
  expect(finding.remedy.includes("sysctl -w vm.memfd_noexec=1")).toBe(state === "missing");
});

test.each([
  ["allowed", host, "ok", []],
  [
    "not for ordinary users",
    { ...host, unprivilegedClone: "0" },
    "missing",
    [
      "echo 'kernel.unprivileged_userns_clone = 1' >> /etc/sysctl.d/60-devenv.conf",
      "sysctl -w kernel.unprivileged_userns_clone=1",
    ],
  ],
  ["which is not about root", { ...host, uid: 0, unprivilegedClone: "0" }, "ok", []],
  [
    "for nobody",
    { ...host, uid: 0, most: "0" },
    "missing",
    [
      "echo 'user.max_user_namespaces = 15000' >> /etc/sysctl.d/60-devenv.conf",
      "sysctl -w user.max_user_namespaces=15000",
    ],
  ],
  ["not compiled in", { ...host, most: undefined }, "missing", ["# boot a kernel with CONFIG_USER_NS"]],
])("user namespaces: %s", (_, found, state, remedy) => {
  expect(examineUserNamespaces(found)).toMatchObject({ state, remedy });
});
