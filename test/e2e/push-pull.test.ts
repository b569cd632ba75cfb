import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lock, lockDigest, type Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { entryOf, imageOf, indexOf, writeLayout } from "../sources/registry/content.ts";
import { type DockerRegistry, skopeoCopy, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { tarOf } from "../support/archives.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { inspect } from "../support/image-tools.ts";
import { platforms, pushTools } from "../support/tools-image.ts";

interface Pushed {
  readonly digest: string;
  readonly platforms: readonly string[];
  readonly layers: readonly { readonly step: string; readonly digest: string; readonly did: string }[];
}

/** Nothing can be downloaded from Debian with these. */
const nowhere = {
  DEVENV_DEBIAN_MIRROR: "http://127.0.0.1:9/debian",
  DEVENV_DEBIAN_SECURITY_MIRROR: "http://127.0.0.1:9/debian-security",
};

function lockOf(project: Project): Lock {
  return JSON.parse(project.read("devenv.lock")) as Lock;
}

function recordedOf(project: Project): readonly string[] {
  const image = lockOf(project).platforms[platform as Platform]?.image;
  return image?.layers.map(({ diffID }) => diffID) ?? [];
}

async function pushed(project: Project, reference: string, ...words: readonly string[]): Promise<Pushed> {
  const { code, out, err } = await project.run(["push", reference, "--json", ...words]);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Pushed;
}

/** The project as another checkout has it. */
function checkout(from: Project, ground: Ground): Project {
  const { name, ...rest } = JSON.parse(from.read("devenv.jsonc")) as { name: string };
  const project = ground.project({ name, ...rest });
  project.write("devenv.lock", from.read("devenv.lock"));
  return project;
}

function layersIn(ground: Ground): string[] {
  return readdirSync(join(ground.store, "layers"));
}

describe.each(testers())("push and pull, for $label", (tester) => {
  let ground: Ground;
  let elsewhere: Ground;
  let registry: DockerRegistry;
  let plain: Project;
  let reference: string;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushTools(registry, "acme/tools:1", "tools");
    ground = new Ground(tester);
    elsewhere = ground.withOtherStore([]);
    plain = ground.project({ name: "plain" });
    reference = `${registry.name}/acme/plain:main`;
  });
  afterAll(async () => {
    await elsewhere.close();
    await ground.close();
    await registry.stop();
  });

  test("what is pushed once is not pushed again, and skopeo reads it", async () => {
    const first = await pushed(plain, reference);
    expect(first.layers.map(({ did }) => did)).toEqual(["uploaded", "uploaded"]);
    expect(first.platforms).toEqual([platform]);
    const again = await pushed(plain, reference, "--frozen");
    expect(again).toEqual({ ...first, layers: first.layers.map((layer) => ({ ...layer, did: "existed" })) });
    const { config, rootfs } = inspect(`docker://${reference}`);
    expect(config.Labels).toMatchObject({ "devenv.lock.digest": lockDigest(lockOf(plain)) });
    expect(rootfs.diff_ids.slice(0, -1)).toEqual(recordedOf(plain));
    await skopeoCopy(`docker://${reference}`, `dir:${join(ground.directoryFor("copy"), "image")}`);
  });

  test("what is pulled into an empty store starts without a build, and is exported as it was", async () => {
    const other = checkout(plain, elsewhere);
    const pulled = await other.run(["pull", reference], { env: nowhere });
    expect(pulled).toMatchObject({ code: 0, out: expect.stringContaining("1 of 1 layers pulled") });
    expect(await other.run(["up", "--frozen"], { env: nowhere })).toMatchObject({
      code: 0,
      out: "plain is running\n",
    });
    expect(await other.inside("id -un; cat /etc/debian_version")).toMatchObject({
      out: expect.stringMatching(/^dev\n12\./),
    });
    const words = ["export", "--format", "oci", "--output", "-"];
    const [before, after] = [await plain.run(words), await other.run(words)];
    expect(after.bytes.equals(before.bytes), after.err).toBe(true);
    const again = await other.run(["pull", reference, "--json"]);
    expect(JSON.parse(again.out)).toMatchObject({ layers: [{ step: "base", did: "existed" }] });
  });

  test("what was pulled for one lock is no result of a step for another", async () => {
    const other = checkout(plain, elsewhere);
    const { platforms: locked, ...rest } = lockOf(other);
    const { image: _, ...unrecorded } = locked[platform as Platform] ?? {};
    other.write("devenv.lock", JSON.stringify({ ...rest, platforms: { [platform]: unrecorded } }));
    const { code, err } = await other.run(["build"], { env: nowhere });
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("cannot be downloaded") });
  });

  test("a layer that was changed in the store is neither exported nor pushed", async () => {
    const other = checkout(plain, elsewhere);
    const [diffID = ""] = recordedOf(plain);
    const file = join(elsewhere.store, "layers", diffID.replace("sha256:", ""), "etc/debian_version");
    appendFileSync(file, "changed");
    for (const words of [
      ["export", "--format", "oci"],
      ["push", `${registry.name}/acme/changed:1`],
    ]) {
      const { code, err } = await other.run(words);
      expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(`its archive is sha256:`) });
    }
    expect(readdirSync(other.root).sort()).toEqual(["devenv.jsonc", "devenv.lock"]);
  });

  test("an image of another lock is refused", async () => {
    const imaged = ground.project({ name: "plain", base: `${registry.name}/acme/tools:1` });
    await imaged.run(["build"]);
    const { code, err } = await imaged.run(["pull", reference]);
    expect(code).toBe(1);
    expect(err).toContain(`made for another lock, ${lockDigest(lockOf(plain))}`);
    const foreign = await imaged.run(["pull", `${registry.name}/acme/tools:1`]);
    expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining("was not pushed by devenv") });
  });

  test("without a recorded image, or without a lock that fits, nothing is pulled", async () => {
    const imaged = ground.project({ name: "plain", base: `${registry.name}/acme/tools:1` });
    expect(await imaged.run(["pull", reference])).toMatchObject({
      code: 1,
      err: expect.stringContaining("there is none"),
    });
    await imaged.run(["lock"]);
    const { code, err } = await imaged.run(["pull", reference]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("records no image") });
    const older = checkout(plain, ground);
    const otherKey = (_: string, before: string, digit: string) => `${before}${digit === "f" ? "0" : "f"}`;
    const text = older.read("devenv.lock").replace(/("cacheKey": "sha256:)(.)/, otherKey);
    older.write("devenv.lock", text);
    expect(await older.run(["pull", reference])).toMatchObject({
      code: 1,
      err: expect.stringContaining("records the image of another version of devenv"),
    });
    expect(await imaged.run(["pull"])).toMatchObject({ code: 2 });
    expect(await imaged.run(["push", `acme/x@sha256:${"0".repeat(64)}`])).toMatchObject({ code: 2 });
  });

  describe("of an image base", () => {
    let imaged: Project;
    beforeAll(() => {
      imaged = ground.project({ name: "imaged", base: `${registry.name}/acme/tools:1`, platforms });
    });

    test("a registry that offers other layers for the lock is refused", async () => {
      await imaged.run(["build"]);
      const empty = ground.withOtherStore([]);
      const other = checkout(imaged, empty);
      const layers = recordedOf(imaged).map((_, index) => tarOf([{ name: `evil${index}` }]));
      const Labels = { "devenv.lock.digest": lockDigest(lockOf(imaged)) };
      const wrong = { config: { Labels } };
      await pushImage(registry, "acme/evil:1", layers, wrong);
      const refused = await other.run(["pull", `${registry.name}/acme/evil:1`]);
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("devenv.lock records others") });
      // It says that they are the right ones, and they are not.
      const lying = { ...wrong, rootfs: { type: "layers", diff_ids: recordedOf(imaged) } };
      await pushImage(registry, "acme/evil:2", layers, lying);
      const tampered = await other.run(["pull", `${registry.name}/acme/evil:2`]);
      expect(tampered).toMatchObject({ code: 1, err: expect.stringMatching(/evil:2: layer .*diffID/) });
      expect(layersIn(empty)).toEqual([]);
    });

    test("a layer whose bytes are others than the manifest says is refused", async () => {
      const target = `${registry.name}/acme/bytes:1`;
      const { layers } = await pushed(imaged, target);
      const blob = registry.blobPath(layers[0]?.digest ?? "");
      const before = readFileSync(blob);
      writeFileSync(blob, Buffer.from(before).fill(0x41, 600, 604));
      const empty = ground.withOtherStore([]);
      const { code, err } = await checkout(imaged, empty).run(["pull", target]);
      writeFileSync(blob, before);
      expect(code, err).toBe(1);
      expect(layersIn(empty).filter((name) => /^[0-9a-f]{64}$/.test(name))).not.toContain(
        recordedOf(imaged)[0]?.slice(7),
      );
    });

    test("layers of the base are mounted, and images of all platforms share the tag", async () => {
      const target = `${registry.name}/acme/imaged:main`;
      const first = await pushed(imaged, target);
      expect(first.layers.map(({ did, step }) => `${step} ${did}`)).toEqual([
        "base mounted",
        "base mounted",
        "directories uploaded",
        "account uploaded",
      ]);
      const other = platforms.find((one) => one !== platform) ?? "";
      expect((await pushed(imaged, target, "--platform", other)).platforms).toEqual(platforms);
      expect((await pushed(imaged, target)).platforms).toEqual(platforms);
      const changed = ground.project({ name: "imaged", base: `${registry.name}/acme/tools:1` });
      expect((await pushed(changed, target)).platforms).toEqual([platform]);
    });

    test("what is pulled needs nothing of the base's registry", async () => {
      const empty = ground.withOtherStore([]);
      const target = await startDockerRegistry();
      const { layers } = await pushed(imaged, `${target.name}/acme/imaged:main`);
      expect(layers.map(({ did }) => did)).toEqual(Array(4).fill("uploaded"));
      const other = checkout(imaged, empty);
      const reachable = await other.run(["pull", `${target.name}/acme/imaged:main`]);
      expect(reachable).toMatchObject({ code: 0, out: expect.stringContaining("3 of 3 layers pulled") });
      await target.stop();
      await registry.stop();
      const { code, err } = await other.run(["up", "--frozen"]);
      expect({ code }, err).toEqual({ code: 0 });
      expect(await other.inside('cat /etc/release; echo "$TOOL"')).toMatchObject({ out: "tools\n1\n" });
      await empty.close();
    });
  });
});

/** Pushes an image of these layers for this host's platform. */
async function pushImage(
  registry: DockerRegistry,
  name: string,
  layers: readonly Buffer[],
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "devenv-image-"));
  const image = imageOf(platform, layers, config);
  const index = indexOf([entryOf(image.manifest, platform)]);
  writeLayout(directory, index, [image.manifest, image.config, ...image.layers]);
  const words = ["--all", "--preserve-digests"];
  await skopeoCopy(`oci:${directory}:latest`, `docker://${registry.name}/${name}`, words);
  rmSync(directory, { recursive: true });
}
