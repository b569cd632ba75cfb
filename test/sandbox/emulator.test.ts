import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmulatorHost, findEmulator } from "../../src/sandbox/emulator.ts";
import type { EnvironmentProcess, SandboxPlan, StepResult } from "../../src/sandbox/index.ts";
import { unpackPackage } from "../support/unpack-package.ts";
import { Host, testers } from "./host.ts";

const foreign = process.arch === "arm64" ? "amd64" : "arm64";
const machine = process.arch === "arm64" ? "x86_64" : "aarch64";

let directory: string;
let busybox: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "devenv-emulator-"));
  busybox = join(await unpackPackage(directory, foreign, "busybox-static"), "bin/busybox");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(testers())("programs of another processor, for $label", (tester) => {
  let host: Host;
  let plan: SandboxPlan;
  let environment: EnvironmentProcess;
  beforeAll(async () => {
    host = new Host(tester);
    const bin = host.own("store/foreign/bin");
    copyFileSync(busybox, join(bin, "busybox"));
    const emulator = await findEmulator(`linux/${foreign}`);
    const { root, ...rest } = host.plan();
    const operations = rest.operations.filter(({ kind }) => kind !== "bind" && kind !== "symlink");
    plan = { ...rest, operations, root: { ...root, layers: ["foreign"] } as SandboxPlan["root"], emulator };
    environment = host.call<EnvironmentProcess>("startEnvironment", plan);
  });
  afterAll(() => {
    host.call("stopEnvironment", environment);
    host.close();
  });

  const enter = (...words: string[]) =>
    host.enterWith({ ...host.enterPlan(environment, ["/bin/busybox", ...words]), cwd: "/" });

  test("run inside, by an emulator that is not there, under their own names", () => {
    expect(enter("uname", "-m").stdout.toString()).toBe(`${machine}\n`);
    expect(enter("sh", "-c", "exec /bin/busybox ls /bin").stdout.toString()).toBe("busybox\n");
    const called = host.enterWith({
      ...host.enterPlan(environment, ["/bin/busybox", "sh", "-c", 'exec -a uname "$0" -m', "/bin/busybox"]),
      cwd: "/",
    });
    expect(called.stdout.toString()).toBe(`${machine}\n`);
  });

  test("leave exit codes and signals as they are", () => {
    expect(enter("sh", "-c", "exit 7").status).toBe(7);
    expect(enter("sh", "-c", "kill -TERM $$").status).toBe(143);
  });

  test("are none of the host's business, and nobody inside registers others", () => {
    expect(enter("ls", "/proc/sys/fs/binfmt_misc").stdout.toString()).toBe("");
    expect(enter("mount", "-t", "binfmt_misc", "none", "/proc").status).not.toBe(0);
    const without = host.call<StepResult>("runStep", { ...stepPlan(["/bin/busybox", "true"]), emulator: {} });
    expect(without.output).toMatch(/Exec format error/);
  });

  test("run in build steps", () => {
    const { code, output } = host.call<StepResult>("runStep", stepPlan(["/bin/busybox", "uname", "-m"]));
    expect({ code, output }).toEqual({ code: 0, output: `${machine}\n` });
  });

  function stepPlan(command: readonly string[]) {
    const fresh = host.plan().root as { upper: string; work: string };
    const root = { layers: ["foreign"], upper: fresh.upper, work: fresh.work };
    return { ...plan, root, network: "none", command, env: {}, cwd: "/", uid: 0, gid: 0 };
  }
});

describe("the emulator", () => {
  const place = (changes: Partial<EmulatorHost> = {}): EmulatorHost => ({
    platform: "linux/amd64",
    path: join(directory, "bin"),
    registered: join(directory, "registered"),
    ...changes,
  });

  test("is none for the host's own programs", async () => {
    expect(await findEmulator("linux/arm64", place({ platform: "linux/arm64" }))).toBeUndefined();
  });

  test("that is missing is named with its package", async () => {
    await expect(findEmulator("linux/arm64", place())).rejects.toMatchObject({
      code: "DEVENV_EMULATOR",
      message: "programs of linux/arm64 do not run on linux/amd64 without qemu-aarch64-static",
      hint: expect.stringContaining("apt-get install qemu-user-static"),
    });
  });

  test("has to need no loader", async () => {
    mkdirSync(join(directory, "bin"), { recursive: true });
    copyFileSync(process.execPath, join(directory, "bin/qemu-aarch64-static"));
    await expect(findEmulator("linux/arm64", place())).rejects.toMatchObject({ code: "DEVENV_EMULATOR" });
    copyFileSync(busybox, join(directory, "bin/qemu-aarch64"));
    const { registration } = (await findEmulator("linux/arm64", place())) ?? {};
    expect(registration).toMatch(
      /^:devenv-aarch64:M::(\\x[0-9a-f]{2}){20}:(\\x[0-9a-f]{2}){20}:\S+\/qemu-aarch64:PF$/,
    );
  });

  test("is not registered again where root has done it, so that it is opened at once", async () => {
    mkdirSync(join(directory, "registered"), { recursive: true });
    const file = join(directory, "registered/qemu-aarch64");
    writeFileSync(file, "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: OCF\noffset 0\n");
    expect(await findEmulator("linux/arm64", place())).toEqual({});
    writeFileSync(file, "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: \noffset 0\n");
    expect((await findEmulator("linux/arm64", place()))?.registration).toBeDefined();
  });
});
