import { describe, expect, test } from "vitest";
import { commandEnvironment, planCommand } from "../../src/build/command-plan.ts";
import { lastLine, plainLines } from "../../src/build/output-lines.ts";
import type { Digest, LockedCommand, LockedPlatform, Platform } from "../../src/lock/index.ts";
import { sampleCommand, samplePlatform } from "../lock/fixture.ts";

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const locked: LockedPlatform = { ...samplePlatform("amd64"), layers: [sampleCommand] };

interface Change {
  readonly platform?: Platform;
  readonly locked?: Partial<LockedPlatform>;
  readonly command?: Partial<LockedCommand>;
  readonly below?: readonly Digest[];
  readonly workspace?: string;
}

function keyOf(change: Change = {}): Digest {
  const platform = { ...locked, layers: [{ ...sampleCommand, ...change.command }], ...change.locked };
  const below = change.below ?? [digest("1"), digest("2")];
  return planCommand(
    change.platform ?? "linux/amd64",
    platform,
    0,
    below,
    change.workspace ?? "/workspaces/shop",
  ).cacheKey;
}

describe("the cache key of a command", () => {
  test.each<[string, Change]>([
    ["command", { command: { run: "pip install -r requirements.txt " } }],
    ["inputs", { command: { inputs: { "requirements.txt": digest("9") } } }],
    ["number of inputs", { command: { inputs: { ...sampleCommand.inputs, b: digest("9") } } }],
    ["environment", { command: { env: { PIP_NO_CACHE_DIR: "0" } } }],
    ["names of its environment", { command: { env: {} } }],
    ["layers below", { below: [digest("1"), digest("3")] }],
    ["number of layers below", { below: [digest("2")] }],
    ["time of the image", { locked: { epoch: 1 } }],
    ["platform", { platform: "linux/arm64" }],
    ["project's place", { workspace: "/workspaces/other" }],
    ["variables of toolchains", { locked: { toolchains: [toolchain({ GOROOT: "/usr/local/go" })] } }],
    ["path of toolchains", { locked: { toolchains: [toolchain({})] } }],
  ])("is another with another %s", (_, change) => {
    expect(keyOf(change)).not.toBe(keyOf());
  });

  test("is another without network", () => {
    const { network: _, ...without } = sampleCommand;
    expect(keyOf({ locked: { layers: [without] } })).not.toBe(keyOf());
  });

  test("is the same whatever it is called, by whatever pattern inputs came, and whatever is recorded", () => {
    const [content = digest("0")] = Object.values(sampleCommand.inputs);
    expect(keyOf({ command: { name: "other" } })).toBe(keyOf());
    expect(keyOf({ command: { inputs: { "*.txt": content } } })).toBe(keyOf());
    const { image: _, ...unbuilt } = locked;
    expect(
      planCommand("linux/amd64", unbuilt, 0, [digest("1"), digest("2")], "/workspaces/shop").cacheKey,
    ).toBe(keyOf());
  });
});

test("a command sees the image's variables and its own, and those of every step", () => {
  const step = planCommand("linux/amd64", locked, 0, [], "/workspaces/shop");
  const environment = commandEnvironment(step, { PATH: "/opt/bin:/usr/bin", GOROOT: "/go" });
  expect(environment).toMatchObject({
    PATH: "/opt/bin:/usr/bin",
    GOROOT: "/go",
    HOME: "/root",
    TZ: "UTC",
    SOURCE_DATE_EPOCH: String(locked.epoch),
    PIP_NO_CACHE_DIR: "1",
  });
});

test("what package managers install is for everyone, not for a home directory that is not part of the image", () => {
  const step = planCommand("linux/amd64", locked, 0, [], "/workspaces/shop");
  const ofImage = {
    PATH: "/home/dev/go/bin:/usr/local/go/bin:/usr/bin",
    GOPATH: "/home/dev/go",
    GOROOT: "/usr/local/go",
  };
  const environment = commandEnvironment(step, ofImage, [toolchain({})]);
  expect(environment).toMatchObject({
    PATH: "/usr/local/go/bin:/usr/bin",
    GOROOT: "/usr/local/go",
    GOBIN: "/usr/local/bin",
  });
  expect(environment).not.toHaveProperty("GOPATH");
});

describe("the output of a command", () => {
  test("is shown without what moves the cursor or colours", () => {
    const output =
      "one\r\n\u001b[31mred\u001b[0m\n10%\r50%\r100%\n\u001b]0;title\u0007x\u0000y\n\u001b(Bz\n\n";
    expect(plainLines(output)).toEqual(["one", "red", "100%", "xy", "z"]);
  });

  test("has a last line that says something", () => {
    expect(lastLine("a\n  b  \n\n \n")).toBe("b");
    expect(lastLine("")).toBe("");
  });
});

function toolchain(variables: Readonly<Record<string, string>>) {
  return {
    language: "go",
    version: "1.22.5",
    source: "image",
    parts: [],
    packages: [],
    path: ["/usr/local/go/bin"],
    variables,
    check: ["go", "version"],
  } as const;
}
