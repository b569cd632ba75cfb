import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StoreVerification } from "../../src/environment/store-check/verify-store.ts";
import type { Lock, LockedLayer, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { pushTools } from "../support/tools-image.ts";

describe.each(testers())("store verify, for $label", (tester) => {
  let ground: Ground;
  let registry: DockerRegistry;
  /** Its layers were pulled, and one was made of what they say. */
  let pulled: Project;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushTools(registry, "acme/checked:1", "first");
    ground = new Ground(tester).withOtherStore([]);
    pulled = ground.project({ name: "pulled", base: `${registry.name}/acme/checked:1` });
    expect(await pulled.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
  });

  const verify = async (code: number, ...words: string[]): Promise<StoreVerification> => {
    const outcome = await pulled.run(["store", "verify", "--json", ...words]);
    expect({ code: outcome.code }, outcome.err).toEqual({ code });
    return JSON.parse(outcome.out) as StoreVerification;
  };
  const imageOf = (one: Project) =>
    (JSON.parse(one.read("devenv.lock")) as Lock).platforms[platform as Platform]?.image;
  const blobs = (): string[] => readdirSync(join(ground.store, "blobs/sha256")).sort();

  test("finds nothing in a store in which nothing is wrong", async () => {
    expect(await verify(0)).toEqual({
      blobs: blobs().length,
      layers: imageOf(pulled)?.layers.length,
      damage: [],
      unknownLayers: [],
      leftovers: [],
    });
    const { out } = await pulled.run(["store", "verify"]);
    expect(out).toMatch(/^\d+ blobs and \d+ layers: no damage\n$/);
  });

  test("finds a flipped bit in each blob; mended, the next up makes the same image", async () => {
    const [image, before] = [imageOf(pulled), blobs()];
    for (const name of before) flip(join(ground.store, "blobs/sha256", name));
    const found = await verify(1, "--dry-run");
    expect(found.damage.map(({ path }) => path).sort()).toEqual(before.map((name) => `blobs/sha256/${name}`));
    expect(blobs()).toEqual(before);
    const { code, out } = await pulled.run(["store", "verify"]);
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(
        /^blobs\/sha256\/\w{64}: its content is sha256:\w{64}\n {2}removed; it is made/,
      ),
    });
    expect(out).toMatch(new RegExp(`: ${before.length} damaged, all mended\n$`));
    expect(blobs()).toEqual([]);
    pulled.touch();
    expect(await pulled.run(["up", "--frozen"])).toMatchObject({ code: 0 });
    expect([imageOf(pulled), blobs()]).toEqual([image, before]);
    await verify(0);
  });

  test("finds records of what is not there, and what cannot be read; the next up is right", async () => {
    const image = imageOf(pulled);
    const records = readdirSync(join(ground.store, "steps"));
    const broken = join("steps", records[0] ?? "");
    writeFileSync(join(ground.store, broken), '{"diffID":');
    const diffID = `sha256:${"1".repeat(64)}`;
    const dangling = `steps/${"2".repeat(64)}.json`;
    writeFileSync(join(ground.store, dangling), JSON.stringify({ diffID, size: 1 }));
    const foreign = `images/${"3".repeat(64)}.json`;
    writeFileSync(join(ground.store, foreign), JSON.stringify({ layers: [{ diffID }] }));
    const inventory = `elf/${"4".repeat(64)}.json`;
    writeFileSync(join(ground.store, inventory), "{");
    const { damage } = await verify(1);
    expect(damage.map(({ path, problem }) => [path, problem]).sort()).toEqual(
      [
        [broken, "it cannot be read"],
        [dangling, `its layer ${diffID} is not there`],
        [foreign, `its layer ${diffID} is not there`],
        [inventory, "it cannot be read"],
      ].sort(),
    );
    expect(
      [broken, dangling, foreign, inventory].filter((path) => existsSync(join(ground.store, path))),
    ).toEqual([]);
    await pulled.run(["down"]);
    pulled.touch();
    expect(await pulled.run(["up", "--frozen"])).toMatchObject({ code: 0 });
    expect(imageOf(pulled)).toEqual(image);
    await verify(0);
  });

  test("names an environment whose state is damaged, and leaves it to its owner", async () => {
    const { environment, state } = pulled;
    writeFileSync(join(environment, "state.json"), "{");
    const { damage } = await verify(1);
    expect(damage).toMatchObject([{ kind: "environment", isMended: false }]);
    pulled.state = state;
    await verify(0);
  });

  test("sweeps up what a killed command left, which is no damage", async () => {
    const leftover = "steps/.00000001.1.1.1.write.0123456789ab";
    writeFileSync(join(ground.store, leftover), "half");
    expect((await verify(0, "--dry-run")).leftovers).toEqual([leftover]);
    expect((await verify(0)).leftovers).toEqual([leftover]);
    expect(existsSync(join(ground.store, leftover))).toBe(false);
  });
});

/** Only root can change files of a layer, which belong to mapped ids. */
const tamperers = process.getuid?.() === 0 ? testers() : [];
if (tamperers.length > 0)
  describe.each(tamperers)("store verify, for $label whose layers were tampered with,", (tester) => {
    let ground: Ground;
    let registry: DockerRegistry;
    let pulled: Project;
    let built: Project;

    beforeAll(async () => {
      registry = await startDockerRegistry();
      await pushTools(registry, "acme/tampered:1", "first");
      const shared = new Ground(tester);
      expect(await shared.project({ name: "filler" }).run(["build"])).toMatchObject({ code: 0 });
      ground = shared.withOtherStore(["indexes", "blobs"]);
      pulled = ground.project({ name: "pulled", base: `${registry.name}/acme/tampered:1` });
      built = ground.project({ name: "built" });
      for (const one of [pulled, built]) {
        const { code, err } = await one.run(["up"]);
        expect(code, err).toBe(0);
      }
      await built.run(["down"]);
    });
    afterAll(async () => {
      await ground.close();
      await registry.stop();
    });

    const layersOf = (one: Project): readonly LockedLayer[] =>
      (JSON.parse(one.read("devenv.lock")) as Lock).platforms[platform as Platform]?.image?.layers ?? [];
    const placeOf = (one: Project, position: number): string =>
      `layers/${layersOf(one).at(position)?.diffID.slice("sha256:".length)}`;
    const verify = async (...words: string[]) => {
      const outcome = await pulled.run(["store", "verify", "--json", ...words]);
      const { damage } = JSON.parse(outcome.out) as StoreVerification;
      return { code: outcome.code, damage };
    };

    /** Each is undone again. */
    const changes: Readonly<Record<string, (place: string) => () => void>> = {
      "a bit of a file": (place) => {
        const file = join(place, "etc/passwd");
        const { atime, mtime } = statSync(file);
        const back = () => utimesSync(file, atime, mtime);
        flip(file);
        back();
        return () => {
          flip(file);
          back();
        };
      },
      "the mode of a file": (place) => {
        const { mode } = statSync(join(place, "etc/passwd"));
        chmodSync(join(place, "etc/passwd"), 0o666);
        return () => chmodSync(join(place, "etc/passwd"), mode);
      },
      "the owner of a file": (place) => {
        const { gid, uid } = statSync(join(place, "etc/passwd"));
        chownSync(join(place, "etc/passwd"), uid, gid + 1);
        return () => chownSync(join(place, "etc/passwd"), uid, gid);
      },
      "the time of a file": (place) => {
        const { atime, mtime } = statSync(join(place, "etc/passwd"));
        utimesSync(join(place, "etc/passwd"), 1, 1);
        return () => utimesSync(join(place, "etc/passwd"), atime, mtime);
      },
      "a file more": (place) => {
        const { atime, mtime } = statSync(join(place, "etc"));
        writeFileSync(join(place, "etc/more"), "");
        utimesSync(join(place, "etc"), atime, mtime);
        return () => {
          rmSync(join(place, "etc/more"));
          utimesSync(join(place, "etc"), atime, mtime);
        };
      },
      "a file less": (place) => {
        const { atime, mtime } = statSync(join(place, "etc"));
        renameSync(join(place, "etc/passwd"), `${place}-passwd`);
        utimesSync(join(place, "etc"), atime, mtime);
        return () => {
          renameSync(`${place}-passwd`, join(place, "etc/passwd"));
          utimesSync(join(place, "etc"), atime, mtime);
        };
      },
      "a link that leads elsewhere": (place) => {
        const { atime, mtime } = statSync(join(place, "etc"));
        renameSync(join(place, "etc/passwd"), `${place}-passwd`);
        symlinkSync("/etc/shadow", join(place, "etc/passwd"));
        utimesSync(join(place, "etc"), atime, mtime);
        return () => {
          renameSync(`${place}-passwd`, join(place, "etc/passwd"));
          utimesSync(join(place, "etc"), atime, mtime);
        };
      },
    };

    test.each(Object.entries(changes))(
      "finds %s, in a layer that was pulled and in one that was built",
      async (_, change) => {
        const places = [placeOf(pulled, 0), placeOf(built, 0)];
        const undo = places.map((place) => change(join(ground.store, place)));
        const { code, damage } = await verify("--dry-run");
        for (const one of undo) one();
        expect({ code, paths: damage.map(({ path }) => path).sort() }).toEqual({
          code: 1,
          paths: places.sort(),
        });
        expect(await verify("--dry-run")).toEqual({ code: 0, damage: [] });
      },
    );

    test("removes the layer of a stopped environment, which is started again with the same bits", async () => {
      const [place, image] = [placeOf(built, 0), layersOf(built)];
      appendFileSync(join(ground.store, place, "etc/motd"), "not what was built\n");
      expect(await verify()).toMatchObject({ code: 1, damage: [{ path: place, isMended: true }] });
      expect(existsSync(join(ground.store, place))).toBe(false);
      const outcome = await built.inside("cat /etc/motd");
      expect(outcome, outcome.err).toMatchObject({ code: 0, out: expect.not.stringContaining("not what") });
      expect(layersOf(built)).toEqual(image);
      await built.run(["down"]);
      expect(await verify()).toEqual({ code: 0, damage: [] });
    });

    test("keeps one that a running environment stands on, says so, and mends it when that has ended", async () => {
      const [place, image] = [placeOf(pulled, 0), layersOf(pulled)];
      expect(await pulled.run(["up"])).toMatchObject({ code: 0 });
      const sum = join(ground.store, place, "etc/passwd");
      appendFileSync(sum, "intruder:x:0:0::/:/bin/sh\n");
      const { code, damage } = await verify();
      expect({ code, damage }).toMatchObject({ code: 1, damage: [{ path: place, isMended: false }] });
      expect(damage[0]?.outcome).toMatch(/^kept, for it is in use by pulled-\w{12}, which runs: end that/);
      expect(lstatSync(sum).isFile()).toBe(true);
      expect(await pulled.inside("cat /etc/passwd")).toMatchObject({ code: 0 });
      await pulled.run(["down"]);
      expect(await verify()).toMatchObject({ code: 1, damage: [{ path: place, isMended: true }] });
      const outcome = await pulled.inside("cat /etc/passwd");
      expect(outcome, outcome.err).toMatchObject({ code: 0, out: expect.not.stringContaining("intruder") });
      expect(layersOf(pulled)).toEqual(image);
      await pulled.run(["down"]);
      expect(await verify()).toEqual({ code: 0, damage: [] });
    });
  });

/** Flips a bit in the middle of a file. */
function flip(file: string): void {
  const fd = openSync(file, "r+");
  const position = Math.floor(statSync(file).size / 2);
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  byte[0] = (byte[0] ?? 0) ^ 4;
  writeSync(fd, byte, 0, 1, position);
  closeSync(fd);
}
