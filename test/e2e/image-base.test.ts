import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedImageBase, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { platforms, pushTools } from "../support/tools-image.ts";

describe.each(testers())("an image as base, for $label", (tester) => {
  let ground: Ground;
  let registry: DockerRegistry;
  let project: Project;
  const reference = (tag: string): string => `${registry.name}/acme/tools:${tag}`;
  const baseOf = (one: Project): LockedImageBase => {
    const { base } = (JSON.parse(one.read("devenv.lock")) as Lock).platforms[platform as Platform] ?? {};
    if (base?.kind !== "image") throw new Error("the base is no image");
    return base;
  };

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushTools(registry, "acme/tools:1", "first");
    ground = new Ground(tester).withOtherStore([]);
    project = ground.project({ name: "imaged", base: reference("1"), platforms });
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
  });

  test("up locks it by digest for every platform, pulls it and starts", async () => {
    const { code, out, err } = await project.run(["up"]);
    expect({ code, out }, err).toEqual({ code: 0, out: "imaged is running\n" });
    expect(err).toContain(`platform ${platform} added: ${reference("1")}, 2 layers`);
    const { platforms: locked } = JSON.parse(project.read("devenv.lock")) as Lock;
    const bases = Object.values(locked).map(({ base }) => base as LockedImageBase);
    expect(bases.map(({ index }) => index)).toEqual([baseOf(project).index, baseOf(project).index]);
    expect(new Set(bases.map(({ digest }) => digest)).size).toBe(2);
    expect(await project.run(["up"])).toMatchObject({ out: "imaged is up to date and running\n" });
  });

  test("its layers are stacked: what an upper one removes or hides is not there", async () => {
    const script = "cat /etc/release; ls /etc/gone /srv";
    expect(await project.inside(script)).toMatchObject({
      out: "first\n/srv:\nshown\n",
      err: "ls: /etc/gone: No such file or directory\n",
    });
  });

  test("its variables are there, the user is the developer, also where the image has their number", async () => {
    const { out } = await project.inside('echo "$PATH $TOOL $HOME"; id -un; echo made > file');
    expect(out).toBe("/bin:/opt/tool/bin 1 /home/dev\ndev\n");
    expect(project.read("file")).toBe("made\n");
  });

  test("a moved tag changes nothing before update, which says so and renews the layer", async () => {
    const { digest } = baseOf(project);
    await pushTools(registry, "acme/tools:1", "second");
    expect(await project.run(["lock", "--check"])).toMatchObject({ code: 0 });
    expect(await project.inside("cat /etc/release")).toMatchObject({ out: "first\n" });
    const updated = await project.run(["update"]);
    expect(updated.out).toContain(`base ${reference("1")}: ${digest} → ${baseOf(project).digest}`);
    const { err } = await project.run(["up"]);
    expect(err).toContain("the image changed");
    expect(await project.inside("cat /etc/release")).toMatchObject({ out: "second\n" });
  });

  test("a platform that is added comes from the index that is locked", async () => {
    const one = ground.project({ name: "added", base: reference("1") });
    await one.run(["lock"]);
    const { index } = baseOf(one);
    await pushTools(registry, "acme/tools:1", "third");
    one.configure({ name: "added", base: reference("1"), platforms });
    expect(await one.run(["lock"])).toMatchObject({ code: 0 });
    const { platforms: locked } = JSON.parse(one.read("devenv.lock")) as Lock;
    expect(Object.values(locked).map(({ base }) => (base as LockedImageBase).index)).toEqual([index, index]);
  });

  test("what does not exist is told with its place, and nothing is written", async () => {
    const one = ground.project({ name: "missing", base: reference("none") });
    const { code, err } = await one.run(["lock"]);
    expect(code).toBe(1);
    expect(err).toMatch(/error: \S+devenv\.jsonc:2:11: .*acme\/tools.*404/);
    expect(() => one.read("devenv.lock")).toThrow("ENOENT");
  });

  test("what is wrong in the registry is not unpacked", async () => {
    const diffIDs = ["0", "1"].map((digit) => `sha256:${digit.repeat(64)}`);
    await pushTools(registry, "acme/wrong:1", "wrong", { rootfs: { type: "layers", diff_ids: diffIDs } });
    const one = ground.project({ name: "wrong", base: `${registry.name}/acme/wrong:1` });
    const { code, err } = await one.run(["up"]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /error: \S+acme\/wrong:1: layer sha256:\w{64}: the layer.s diffID is .* not sha256:[01]{64}/,
    );
    expect(readdirSync(join(ground.store, "layers")).filter((name) => name.includes("layer"))).toEqual([]);
    expect(err).not.toContain("devenv itself failed");
  });

  test("as of a day, an image that was made later is refused; inside, the day is known", async () => {
    await pushTools(registry, "acme/tools:dated", "dated", { created: "2024-05-01T10:00:00Z" });
    const dated = ground.project({ name: "dated", base: reference("dated"), asOf: "2024-04-30" });
    const { code, err } = await dated.run(["up"]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /devenv\.jsonc:\d+:\d+: \S+acme\/tools:dated: the image was made on 2024-05-01, after/,
    );
    dated.configure({ name: "dated", base: reference("dated"), asOf: "2024-05-01" });
    expect(await dated.run(["up"])).toMatchObject({ code: 0 });
    expect((await dated.inside("env | grep 2024-05-01")).out.split("\n").filter(Boolean).sort()).toEqual([
      "PIP_UPLOADED_PRIOR_TO=2024-05-01T23:59:59Z",
      "UV_EXCLUDE_NEWER=2024-05-01T23:59:59Z",
      "npm_config_before=2024-05-01T23:59:59Z",
    ]);
  });

  test("packages on top are refused where nobody knows whose they would be, and so is looking for some", async () => {
    const before = project.read("devenv.jsonc");
    for (const command of ["add", "search"]) {
      const { code, err } = await project.run([command, "git"]);
      expect(code).toBe(2);
      expect(err).toMatch(/acme\/tools:1: .* has no os-release\): packages cannot be installed there yet/);
    }
    expect(project.read("devenv.jsonc")).toBe(before);
  });

  test("what was pulled starts without the registry, from the committed lock", async () => {
    await registry.stop();
    const other = ground.project({ name: "other", base: reference("1") });
    other.write("devenv.lock", project.read("devenv.lock"));
    other.configure({ name: "other", base: reference("1"), platforms });
    expect(await other.run(["up", "--frozen"])).toMatchObject({ code: 0, out: "other is running\n" });
    expect(await other.inside("cat /etc/release")).toMatchObject({ out: "second\n" });
  });
});
