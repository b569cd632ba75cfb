import { describe, expect, test } from "vitest";
import { normalisationScript, normalisations } from "../../src/build/normalise.ts";
import { directoriesKey, planSteps, pulledKey } from "../../src/build/plan.ts";
import type { Digest, LockedPackage, LockedPlatform } from "../../src/lock/index.ts";

const packageNamed = (name: string, more: Partial<LockedPackage> = {}): LockedPackage => ({
  name,
  version: "1",
  architecture: "amd64",
  archive: "debian",
  path: `pool/main/${name}.deb`,
  sha256: name.repeat(64).slice(0, 64),
  size: 10,
  ...more,
});

const locked = {
  base: { kind: "bootstrap", packages: [packageNamed("base-passwd"), packageNamed("libc6")] },
  packages: [packageNamed("hello"), packageNamed("python3", { stage: 1 })],
  epoch: 1_700_000_000,
} as unknown as LockedPlatform;

const keysOf = (platform: LockedPlatform, name: "linux/amd64" | "linux/arm64" = "linux/amd64"): string[] =>
  planSteps(name, platform).map(({ cacheKey }) => cacheKey);

describe("the plan of an image", () => {
  test("has a step for the base and one for the packages, if there are any", () => {
    expect(planSteps("linux/amd64", locked).map(({ name }) => name)).toEqual(["base", "packages"]);
    expect(planSteps("linux/amd64", { ...locked, packages: [] }).map(({ name }) => name)).toEqual(["base"]);
  });

  test("is the same each time", () => {
    expect(keysOf(locked)).toEqual(keysOf(structuredClone(locked)));
  });

  test("another package leaves the key of the base alone", () => {
    const [base, packages] = keysOf({ ...locked, packages: [packageNamed("other")] });
    expect(base).toBe(keysOf(locked)[0]);
    expect(packages).not.toBe(keysOf(locked)[1]);
  });

  test.each<[string, string[]]>([
    ["another epoch", keysOf({ ...locked, epoch: 1_700_000_001 })],
    ["another platform", keysOf(locked, "linux/arm64")],
    [
      "another package in the base",
      keysOf({
        ...locked,
        base: { ...locked.base, packages: [packageNamed("base-passwd")] } as LockedPlatform["base"],
      }),
    ],
  ])("%s is another key for every step", (_, keys) => {
    for (const key of keys) expect(keysOf(locked)).not.toContain(key);
  });

  test("where a package lies in the archive is of no account", () => {
    const moved = locked.packages.map((one) => ({ ...one, path: "elsewhere", archive: "debian-security" }));
    expect(keysOf({ ...locked, packages: moved as LockedPackage[] })).toEqual(keysOf(locked));
  });

  test("packages are unpacked and configured stage by stage", () => {
    const script = planSteps("linux/amd64", locked)[1]?.script ?? "";
    const order = ["hello_amd64.deb", "--configure -a", "python3_amd64.deb", "--configure -a"];
    let at = -1;
    for (const part of order) {
      const next = script.indexOf(part, at + 1);
      expect([part, next > at]).toEqual([part, true]);
      at = next;
    }
  });
});

describe("the plan of packages on somebody else's image", () => {
  const layer = (digit: string) => ({
    digest: `sha256:${digit}`,
    diffID: `sha256:${digit.repeat(64)}`,
    size: 1,
  });
  const imaged = (...layers: string[]) =>
    ({ ...locked, base: { kind: "image", layers: layers.map(layer) } }) as unknown as LockedPlatform;

  test("has one step, if there are any", () => {
    expect(planSteps("linux/amd64", imaged("1")).map(({ name }) => name)).toEqual(["packages"]);
    expect(planSteps("linux/amd64", { ...imaged("1"), packages: [] })).toEqual([]);
  });

  test("another layer below, or another order, is another key; where it comes from is of no account", () => {
    const images = [imaged("1"), imaged("2"), imaged("1", "2"), imaged("2", "1"), locked];
    expect(new Set(images.map((one) => keysOf(one).at(-1))).size).toBe(images.length);
    const elsewhere = {
      ...imaged("1"),
      base: { ...imaged("1").base, reference: "other", digest: "sha256:5" },
    };
    expect(keysOf(elsewhere as unknown as LockedPlatform)).toEqual(keysOf(imaged("1")));
  });

  test("a layer of directories below is another key, and the key of that layer is its own", () => {
    const [first, second]: [Digest, Digest] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];
    const keys = [undefined, first, second].map(
      (one) => planSteps("linux/amd64", imaged("1"), one).at(-1)?.cacheKey,
    );
    expect(new Set(keys).size).toBe(3);
    const lists = [[first], [second], [first, second], [second, first]];
    expect(new Set([...lists.map(directoriesKey), pulledKey({ diffID: first })]).size).toBe(5);
    expect(directoriesKey([first, second])).toBe(directoriesKey([first, second]));
  });

  test("what a package breaks may be out of order meanwhile, the image's own files stay", () => {
    const [{ script } = { script: "" }] = planSteps("linux/amd64", imaged("1"));
    expect(script).toMatch(/--auto-deconfigure --force-confdef --force-confold --force-depends --unpack/);
    expect(script).toMatch(/if \[ -e \S+policy-rc\.d \]; then own=yes; else own=no\n/);
  });
});

describe("what is normalised", () => {
  test.each(normalisations)("has a reason and something to do: $reason", ({ reason, remove, empty, run }) => {
    expect(reason.length).toBeGreaterThan(20);
    expect((remove?.length ?? 0) + (empty?.length ?? 0) + (run?.length ?? 0)).toBeGreaterThan(0);
  });

  test("a path is absolute and no shell code", () => {
    for (const path of ["relative", "/a;reboot", "/$(reboot)", "/a b"])
      expect(() => normalisationScript([{ reason: "", remove: [path] }])).toThrow("cannot stand in a script");
  });

  test("a file is emptied only when there is something in it", () => {
    expect(normalisationScript([{ reason: "", empty: ["/etc/machine-id"] }])).toBe(
      'for file in /etc/machine-id; do if [ -s "$file" ]; then : >"$file"; fi; done\n',
    );
  });
});
