import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeDifferences } from "../../src/build/layer-differences.ts";
import type { LockedImage, LockedPlatform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { Builder } from "./builder.ts";
import { developmentPackages } from "./development-packages.ts";

/**
 * DEVENV_PACKAGES=all takes all of them, which takes hours, DEVENV_PACKAGES="git vim" those, each alone unless
 * DEVENV_PACKAGES_GROUP says how many are built in one image; otherwise it is a sample that DEVENV_PACKAGES_SEED draws.
 */
const {
  DEVENV_PACKAGES: wanted = "",
  DEVENV_PACKAGES_GROUP: size = wanted === "" ? "10" : "1",
  DEVENV_PACKAGES_SEED: seed = "1",
} = process.env;
const groups = inGroups(
  wanted === "" ? sample(20, Number(seed)) : wanted === "all" ? developmentPackages : wanted.split(/[\s,]+/),
  Number(size),
);

const [tester = { label: "nobody", uid: -1, gid: -1 }] = testers();

describe("packages give the same layer under other circumstances", () => {
  let first: Builder;
  let second: Builder;
  beforeAll(() => {
    first = new Builder(tester);
    second = new Builder(tester, {
      store: "elsewhere/and deeper",
      env: { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", HOME: "/nonexistent", USER: "somebody-else" },
      wrapper: ["sh", "-c", 'umask 077; exec taskset --cpu-list "$(nproc --all | sed s/.*/0/)" "$@"', "sh"],
    });
  });
  afterAll(async () => {
    await Promise.all([first.close(), second.close()]);
  });

  test.each(groups.map((group) => [group.join(" "), group] as const))(
    "%s",
    { timeout: 900_000 },
    async (_, group) => {
      const locked = await first.lock(group);
      const image = await first.build(locked);
      second.copyBlobs(first);
      expect(await differences(locked, image, await second.build(locked))).toEqual([]);
    },
  );

  async function differences(
    locked: LockedPlatform,
    image: LockedImage,
    other: LockedImage,
  ): Promise<string[]> {
    const all: string[] = [];
    for (const [index, { diffID, step }] of image.layers.entries()) {
      const built = other.layers[index]?.diffID;
      if (built === undefined || built === diffID) continue;
      const found = await first.differences(diffID, second, built, locked.epoch);
      all.push(...describeDifferences(found).map((line) => `${step}: ${line}`));
    }
    return all;
  }
});

function inGroups(names: readonly string[], size: number): string[][] {
  const count = Math.ceil(names.length / size);
  return Array.from({ length: count }, (_, index) => names.slice(index * size, (index + 1) * size));
}

/** The same for the same seed, on every machine. */
function sample(count: number, seed: number): string[] {
  const names = [...developmentPackages];
  let state = seed;
  const chosen: string[] = [];
  while (chosen.length < count) {
    // The generator of Park and Miller.
    state = (state * 48_271) % 2_147_483_647;
    chosen.push(...names.splice(state % names.length, 1));
  }
  return chosen;
}
