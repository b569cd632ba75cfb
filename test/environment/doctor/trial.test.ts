import { expect, test } from "vitest";
import { type Finding, requirement } from "../../../src/environment/doctor/finding.ts";
import { judgeTrial, stepOf, type TrialFailure } from "../../../src/environment/doctor/trial.ts";
import { DevenvError } from "../../../src/errors.ts";

const namespaces = requirement("user namespaces", "every environment").ok("at most 63457");
const ids = requirement("subordinate ids", "every environment");
const appArmor = { reason: "AppArmor says no", remedy: ["apparmor_parser -r x"] };

const judge = (
  conditions: readonly Finding[],
  failure: TrialFailure | undefined,
  restriction?: typeof appArmor,
  found = namespaces,
) => judgeTrial(conditions, found, restriction, async () => failure);
const states = (findings: readonly Finding[]) => findings.map(({ state }) => state);
const failure = (
  step: TrialFailure["step"],
  message: string,
  code: `DEVENV_${string}` = "DEVENV_SANDBOX_FAILED",
) => ({
  step,
  error: new DevenvError(code, message, { hint: "This.\nThen that." }),
});

test("a trial that goes well is told step by step", async () => {
  expect(states(await judge([], undefined))).toEqual(["ok", "ok", "ok", "ok", "ok", "ok"]);
  const [lifted] = await judge([], undefined, appArmor);
  expect(lifted).toMatchObject({
    state: "ok",
    detail: "AppArmor restricts them; a profile lets devenv through",
  });
});

test("nothing is tried without what it needs, and the cause is told once", async () => {
  const missing = ids.missing("0 of them", ["usermod"]);
  const findings = await judgeTrial([missing], namespaces, undefined, () => {
    throw new Error("tried");
  });
  expect(states(findings)).toEqual(["ok", ...Array.from({ length: 5 }, () => "untried")]);
  expect(findings.slice(1).every(({ detail }) => detail === "not known without: subordinate ids")).toBe(true);
  expect(findings.flatMap(({ remedy }) => remedy)).toEqual([]);
  const [unknown] = await judge([missing], undefined, appArmor);
  expect(unknown).toMatchObject({
    state: "untried",
    detail: "AppArmor says no, unless devenv's profile is loaded; not known without: subordinate ids",
    remedy: appArmor.remedy,
  });
});

test("user namespaces that are switched off are the cause, also where AppArmor restricts them", async () => {
  const off = requirement("user namespaces", "every environment").missing("switched off", ["sysctl"]);
  const findings = await judge([], undefined, appArmor, off);
  expect(findings[0]).toBe(off);
  expect(findings[1]?.detail).toBe("not known without: user namespaces");
});

test("AppArmor is what is mended where it is in the way, whatever failed", async () => {
  const denied = failure("identity map", "setgroups: Operation not permitted", "DEVENV_USER_NAMESPACE");
  const findings = await judge([], denied, appArmor);
  expect(findings[0]).toMatchObject({
    state: "missing",
    detail: "AppArmor says no: setgroups: Operation not permitted",
    remedy: appArmor.remedy,
  });
  expect(states(findings.slice(1))).toEqual(Array.from({ length: 5 }, () => "untried"));
});

test("the step that fails is missing, those before are well, those behind are not known", async () => {
  const findings = await judge([], failure("overlayfs", "no overlay"));
  expect(states(findings)).toEqual(["ok", "ok", "missing", "untried", "untried", "untried"]);
  expect(findings[2]).toMatchObject({
    detail: "no overlay",
    remedy: expect.arrayContaining(["modprobe overlay"]),
  });
  const other = await judge([], failure("sandbox", "lost"));
  expect(states(other)).toEqual(["ok", "ok", "untried", "untried", "untried", "missing"]);
  expect(other[5]?.remedy).toEqual(["# This.", "# Then that."]);
});

test.each([
  ["the layers cannot be mounted as an overlay: Invalid argument", "overlayfs"],
  ["the file system overlay is not available: No such device", "overlayfs"],
  ["a proc file system cannot be made: Operation not permitted", "system mounts"],
  ["/sys: Permission denied", "system mounts"],
  ["the host has no /dev/tty", "system mounts"],
  ["/proc/kcore cannot be masked: Permission denied", "system mounts"],
  ["the system call filter cannot be installed: Invalid argument", "system call filter"],
  ["the loopback network cannot be started: Operation not permitted", "sandbox"],
  ["the trial ended with 126: ", "sandbox"],
])("%s is about: %s", (message, step) => {
  expect(stepOf(message)).toBe(step);
});
