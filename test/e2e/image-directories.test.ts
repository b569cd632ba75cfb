import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedImage, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { entryOf, imageOf, indexOf, writeLayout } from "../sources/registry/content.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { type TarEntry, tarOf } from "../support/archives.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { unpacked } from "../support/image-tools.ts";
import { pushImages } from "../support/push-image.ts";
import { statOf } from "../support/stat-tree.ts";

const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: "5", ...more });
const file = (name: string): TarEntry => ({ name, content: "x", uid: 33, mtime: 1_500_000_009 });

const lower = tarOf([
  directory("bin/"),
  { name: "bin/busybox", content: readFileSync("/bin/busybox"), mode: 0o755 },
  ...["sh", "find", "stat", "cat"].map((name) => ({ name: `bin/${name}`, type: "2", link: "busybox" })),
  directory("tmp/", { mode: 0o1777, mtime: 1_500_000_001 }),
  directory("srv/", { mtime: 1_500_000_002 }),
  directory("srv/tmp/", { mode: 0o1777, mtime: 1_500_000_003 }),
  directory("srv/other/", { mode: 0o2775, uid: 1001, gid: 50, mtime: 1_500_000_004 }),
  directory("srv/other/deep/", { mode: 0o555, uid: 1002, gid: 51, mtime: 1_500_000_005 }),
  directory("srv/plain/", { mode: 0o705, mtime: 1_500_000_006 }),
  directory("srv/later/", { mode: 0o777, mtime: 1_500_000_007 }),
]);
const middle = tarOf([file("srv/tmp/middle"), directory("srv/later/", { mode: 0o775, gid: 7 })]);
const bare = tarOf(["tmp/x", "srv/tmp/x", "srv/other/deep/x", "srv/later/x"].map(file));
const whole = tarOf([directory("tmp/", { mode: 0o700 }), file("tmp/x")]);

describe.each(testers())("an image whose layers lack entries of directories, for $label", (tester) => {
  let ground: Ground;
  let registry: DockerRegistry;
  let project: Project;
  let layouts: string;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    ground = new Ground(tester);
    layouts = mkdtempSync(join(tmpdir(), "devenv-image-"));
    await pushImage("bare", [lower, middle, bare]);
    await pushImage("whole", [lower, whole]);
    project = ground.project({ name: "bare", base: `${registry.name}/acme/bare:1` });
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
    rmSync(layouts, { recursive: true });
  });

  const pushImage = async (name: string, layers: readonly Buffer[]): Promise<void> => {
    const image = imageOf(platform, layers);
    const index = indexOf([entryOf(image.manifest, platform)]);
    writeLayout(join(layouts, name), index, [image.manifest, image.config, ...image.layers]);
    await pushImages(registry, `acme/${name}:1`, new Map([[platform, image]]));
  };
  const imageIn = (one: Project): LockedImage | undefined =>
    (JSON.parse(one.read("devenv.lock")) as Lock).platforms[platform as Platform]?.image;
  const stepsOf = (one: Project): readonly string[] => imageIn(one)?.layers.map(({ step }) => step) ?? [];
  const checkout = (elsewhere: Ground): Project => {
    const other = elsewhere.project({ name: "bare", base: `${registry.name}/acme/bare:1` });
    other.write("devenv.lock", project.read("devenv.lock"));
    return other;
  };
  const shown = async (one: Project): Promise<string[]> => {
    const { out, err } = await one.inside("find /srv -exec stat -c '%n %f %u %g %Y' {} +");
    expect(err).toBe("");
    return out.trimEnd().split("\n").sort();
  };

  test("has one layer more, and nothing is said about it", async () => {
    const { code, err } = await project.run(["up"]);
    expect(code, err).toBe(0);
    expect(err).not.toContain("no entry");
    expect(stepsOf(project)).toEqual(["base", "base", "base", "directories"]);
  });

  test("shows them as the layers below have them", async () => {
    const mode = (bits: number): string => (0o040000 | bits).toString(16);
    expect(await shown(project)).toEqual(
      expect.arrayContaining([
        `/srv ${mode(0o755)} 0 0 1500000002`,
        `/srv/tmp ${mode(0o1777)} 0 0 1500000003`,
        `/srv/other ${mode(0o2775)} 1001 50 1500000004`,
        `/srv/other/deep ${mode(0o555)} 1002 51 1500000005`,
        `/srv/plain ${mode(0o705)} 0 0 1500000006`,
        `/srv/later ${mode(0o775)} 0 7 1600000000`,
      ]),
    );
  });

  test("is exported with the layer, and is in both forms what umoci unpacks", async () => {
    const look = (root: string): string[] => [...statOf(root, "srv"), ...statOf(root, "tmp")];
    const { code, err } = await project.run(["export", "--format", "oci", "--output", "image.oci"]);
    expect(code, err).toBe(0);
    const [oracle, exported] = [join(layouts, "bare"), join(project.root, "image.oci")].map((layout) =>
      unpacked(layout, look),
    );
    expect(oracle).toHaveLength(12);
    expect(exported).toEqual(oracle);
    // Nobody else can give files away.
    if (process.getuid?.() === 0) expect(await shown(project)).toEqual(oracle?.slice(0, 10));
  });

  test("is the same in another store", async () => {
    const elsewhere = ground.withOtherStore([]);
    const other = checkout(elsewhere);
    const { platforms, ...rest } = JSON.parse(project.read("devenv.lock")) as Lock;
    const { image: _, ...unbuilt } = platforms[platform as Platform] ?? {};
    other.write("devenv.lock", JSON.stringify({ ...rest, platforms: { [platform]: unbuilt } }));
    expect(await other.run(["build"])).toMatchObject({ code: 0 });
    expect(imageIn(other)).toEqual(imageIn(project));
    const frozen = checkout(ground.withOtherStore([]));
    expect(await frozen.run(["build", "--frozen"])).toMatchObject({ code: 0 });
    await elsewhere.close();
  });

  test("is the same where layers were pulled before devenv kept note of such directories", async () => {
    const elsewhere = ground.withOtherStore([]);
    const other = checkout(elsewhere);
    const steps = join(elsewhere.store, "steps");
    await other.run(["build"]);
    const settled = imageIn(project)?.layers.at(-1)?.diffID;
    for (const name of readdirSync(steps)) {
      const { implicitDirectories: _, ...record } = JSON.parse(readFileSync(join(steps, name), "utf8"));
      if (record.diffID === settled) rmSync(join(steps, name));
      else writeFileSync(join(steps, name), JSON.stringify(record));
    }
    expect(await other.run(["build", "--frozen"])).toMatchObject({ code: 0 });
    expect(readdirSync(steps)).toHaveLength(4);
    await elsewhere.close();
  });

  test("has no further layer where the entries are there", async () => {
    const one = ground.project({ name: "whole", base: `${registry.name}/acme/whole:1` });
    expect(await one.run(["build"])).toMatchObject({ code: 0 });
    expect(stepsOf(one)).toEqual(["base", "base"]);
  });

  test("a lock that was built without the layer is told so", async () => {
    const one = checkout(ground);
    const { platforms, ...rest } = JSON.parse(project.read("devenv.lock")) as Lock;
    const { image, ...unbuilt } = platforms[platform as Platform] ?? {};
    const digest = `sha256:${"0".repeat(64)}`;
    const before = { ...unbuilt, image: { digest, layers: image?.layers.slice(0, -1) } };
    one.write("devenv.lock", JSON.stringify({ ...rest, platforms: { [platform]: before } }));
    const { code, err } = await one.run(["build", "--frozen"]);
    expect(code).toBe(1);
    expect(err.match(/layer \w+: built/g)).toEqual(["layer directories: built"]);
    expect(await one.run(["build"])).toMatchObject({ code: 0 });
    expect(imageIn(one)).toEqual(image);
  });
});
