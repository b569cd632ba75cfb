import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedImageBase, LockedPlatform, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { imageOf } from "../sources/registry/content.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { tarOf } from "../support/archives.ts";
import { type DebianLayers, debianLayers } from "../support/debian-image.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { pushImages } from "../support/push-image.ts";

const here = platform as Platform;
const platforms: readonly Platform[] = [here, here === "linux/amd64" ? "linux/arm64" : "linux/amd64"];

/** Before everything in the image, so that every time shows. */
const created = "2023-02-03T04:05:06Z";

let registry: DockerRegistry;
let debian: Map<Platform, DebianLayers>;

const reference = (tag: string): string => `${registry.name}/acme/debian:${tag}`;

/** For every platform an image of the layers that `make` gives. */
async function pushLayers(tag: string, make: (one: Platform) => readonly Uint8Array[]): Promise<void> {
  const images = platforms.map((one) => [one, imageOf(one, make(one), { created })] as const);
  await pushImages(registry, `acme/debian:${tag}`, new Map(images));
}

const upper = tarOf([{ name: "etc/motd", content: "an image\n" }]);

beforeAll(async () => {
  registry = await startDockerRegistry();
  debian = await debianLayers(platforms, ["libc6", "zlib1g"]);
  await pushLayers("12", (one) => {
    const layers = debian.get(one);
    return layers === undefined ? [] : [layers.files, layers.list, upper];
  });
});

afterAll(async () => {
  await registry.stop();
});

describe.each(testers())("packages on top of an image, for $label", (tester) => {
  let ground: Ground;
  let project: Project;
  const lockOf = (one: Project): Lock => JSON.parse(one.read("devenv.lock")) as Lock;
  const lockedFor = (one: Project, name: Platform): LockedPlatform => {
    const locked = lockOf(one).platforms[name];
    if (locked === undefined) throw new Error(`${name} is not locked`);
    return locked;
  };

  beforeAll(() => {
    ground = new Ground(tester);
    project = ground.project({
      name: "onimage",
      base: reference("12"),
      platforms,
      packages: ["hello", "zlib1g-dev"],
    });
  });
  afterAll(() => ground.close());

  test("are locked for every platform, with newer versions of what they need newer", async () => {
    const { code, err } = await project.run(["lock"]);
    expect(code, err).toBe(0);
    for (const one of platforms) {
      const { base, epoch, packages } = lockedFor(project, one);
      expect(base).toMatchObject({ kind: "image", distribution: "debian", suite: "bookworm" });
      expect((base as LockedImageBase).releases).toHaveLength(3);
      expect(epoch).toBe(Date.parse(created) / 1000);
      const versions = new Map(packages.map(({ name, version }) => [name, version]));
      expect([...versions.keys()]).toEqual(expect.arrayContaining(["hello", "libc6", "libc6-dev", "zlib1g"]));
      for (const [name, old] of debian.get(one)?.older ?? [])
        expect(`${versions.get(name)}~old`, name).toBe(old);
      expect(versions.has("dpkg")).toBe(false);
    }
  });

  test("are built and there, the image's own files stay", async () => {
    const { code, out, err } = await project.run(["up"]);
    expect({ code, out }, err).toEqual({ code: 0, out: "onimage is running\n" });
    const script = `hello; cat /etc/motd; ls /usr/include/zlib.h /usr/sbin/policy-rc.d /usr/share/doc/hello 2>&1
dpkg-query -W -f '\${db:Status-Abbrev}\${Package}\\n' hello zlib1g zlib1g-dev libc6; dpkg --audit`;
    expect((await project.inside(script)).out).toBe(
      [
        "Hello, world!",
        "an image",
        "ls: cannot access '/usr/share/doc/hello': No such file or directory",
        "/usr/include/zlib.h",
        "/usr/sbin/policy-rc.d",
        "ii hello",
        "ii libc6",
        "ii zlib1g",
        "ii zlib1g-dev",
        "",
      ].join("\n"),
    );
  });

  test("give the same image in another store, from the committed lock", async () => {
    const other = ground.withOtherStore([]).project({ name: "onimage" });
    other.write("devenv.jsonc", project.read("devenv.jsonc"));
    other.write("devenv.lock", project.read("devenv.lock"));
    const { code, err } = await other.run(["build", "--frozen"]);
    expect(code, err).toBe(0);
    expect(other.read("devenv.lock")).toBe(project.read("devenv.lock"));
  });

  test("are looked for and explained", async () => {
    const found = await project.run(["search", "--json", "zlib1g-dev"]);
    expect(JSON.parse(found.out)[0]).toMatchObject({ name: "zlib1g-dev", platforms });
    expect((await project.run(["why", "zlib1g"])).out).toContain("zlib1g-dev 1");
    expect((await project.run(["why", "dpkg"])).out).toContain(`(the image ${reference("12")})`);
  });

  test("another package leaves those that are locked, and another platform is locked without the others", async () => {
    const before = lockedFor(project, here);
    expect(await project.run(["add", "libz-mingw-w64"])).toMatchObject({ code: 0 });
    const added = lockedFor(project, here).packages.filter(
      ({ sha256 }) => !before.packages.some((one) => one.sha256 === sha256),
    );
    expect(added.map(({ name }) => name)).toEqual(["libz-mingw-w64"]);
    const one = ground.withOtherStore(["indexes"]).project({ name: "growing" });
    const wish = { name: "growing", base: reference("12"), packages: ["hello"] };
    one.configure({ ...wish, platforms: [here] });
    expect(await one.run(["lock"])).toMatchObject({ code: 0 });
    const lock = one.read("devenv.lock");
    const another = ground.withOtherStore(["indexes"]).project({ name: "growing" });
    another.configure({ ...wish, platforms });
    another.write("devenv.lock", lock);
    expect(await another.run(["lock"])).toMatchObject({ code: 0 });
    expect(lockedFor(another, here)).toEqual(lockedFor(one, here));
    const looks = readdirSync(join(another.ground.store, "facts"));
    const [files] = (lockedFor(another, here).base as LockedImageBase).layers;
    expect(looks).toHaveLength(3);
    expect(looks).not.toContain(`${files?.digest.replace("sha256:", "")}.json`);
    expect(lockedFor(another, platforms[1] ?? here).packages.map(({ name }) => name)).toContain("hello");
  });

  test("move alone when they are updated by name, and with the image otherwise", async () => {
    const tag = `moving-${tester.uid}`;
    const release = { name: "etc/os-release", content: "ID=debian\nVERSION_CODENAME=bookworm\n" };
    const pushWith = (text: string): Promise<void> =>
      pushLayers(tag, (one) => {
        const list = debian.get(one)?.list;
        return list === undefined ? [] : [list, tarOf([release, { name: "srv/text", content: text }])];
      });
    await pushWith("first");
    const one = ground.project({ name: "moving", base: reference(tag), packages: ["hello"] });
    expect(await one.run(["lock"])).toMatchObject({ code: 0 });
    const before = one.read("devenv.lock");
    await pushWith("second");
    expect(await one.run(["update", "hello"])).toMatchObject({ code: 0 });
    expect(one.read("devenv.lock")).toBe(before);
    const { out } = await one.run(["update"]);
    expect(out).toMatch(/^base \S+: sha256:\w{64} → sha256:\w{64}\n$/);
  });

  test.each<[string, string, string]>([
    ["alpine", 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\n', "is Alpine 3.20.3"],
    ["buster", 'ID=debian\nVERSION_ID="10"\nVERSION_CODENAME=buster\n', "is Debian 10 (buster)"],
    ["distroless", 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n', "is Debian 12 without dpkg"],
    ["unknown", "", "does not say what it is (it has no os-release)"],
  ])("cannot be had on %s, which is told with the place", async (tag, release, what) => {
    const files = tarOf([
      { name: "usr/lib/os-release", content: release },
      { name: "lib/apk/db/installed", content: "P:busybox\n" },
      { name: "var/lib/dpkg/status.d/base", content: "Package: base-files\nVersion: 12\n" },
    ]);
    await pushLayers(tag, () => [files]);
    const one = ground.project({ name: "refused", base: reference(tag), packages: ["git", "curl"] });
    const { code, err } = await one.run(["lock"]);
    expect(code).toBe(2);
    expect(err).toContain(`${reference(tag)}: ${what}: packages cannot be installed there yet: git, curl`);
    expect(err).toMatch(/error: \S+devenv\.jsonc:2:11: /);
    expect(() => one.read("devenv.lock")).toThrow("ENOENT");
  });
});
