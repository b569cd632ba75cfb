import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { imageOf } from "../sources/registry/content.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { tarOf } from "../support/archives.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { pushImages } from "../support/push-image.ts";
import { platforms } from "../support/tools-image.ts";
import { unpackPackage } from "../support/unpack-package.ts";

const foreign = platforms.find((one) => one !== platform) ?? "";
const machines: Readonly<Record<string, string>> = { "linux/amd64": "x86_64", "linux/arm64": "aarch64" };
const applets = ["cat", "cp", "env", "grep", "id", "ls", "mkdir", "rm", "sh", "stat", "touch", "uname"];

describe.each(testers())("an environment of another platform, for $label", (tester) => {
  let directory: string;
  let ground: Ground;
  let registry: DockerRegistry;
  let project: Project;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "devenv-platform-"));
    registry = await startDockerRegistry();
    const images = new Map<string, ReturnType<typeof imageOf>>();
    for (const one of platforms) {
      const files = await unpackPackage(join(directory, one), one.replace("linux/", ""), "busybox-static");
      const layer = tarOf([
        { name: "bin/busybox", content: readFileSync(join(files, "bin/busybox")), mode: 0o755 },
        ...applets.map((name) => ({ name: `bin/${name}`, type: "2", link: "busybox" })),
        { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\n" },
      ]);
      images.set(one, imageOf(one, [layer]));
    }
    await pushImages(registry, "acme/both:1", images);
    ground = new Ground(tester).withOtherStore([]);
    project = ground.project({
      name: "both",
      base: `${registry.name}/acme/both:1`,
      platforms,
      limits: {},
    });
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const here = ["--platform", foreign];

  test("starts with a word about its speed, and runs that platform's programs", async () => {
    const { code, out, err } = await project.run(["up", ...here]);
    expect({ code, out }, err).toEqual({ code: 0, out: "both is running\n" });
    expect(err).toContain("emulated");
    const inside = await project.run(["shell", ...here, "--", "uname", "-m"]);
    expect(inside).toMatchObject({ code: 0, out: `${machines[foreign]}\n` });
    expect(await project.run(["up", ...here])).toMatchObject({ out: "both is up to date and running\n" });
  });

  test("stands beside the one of the host's own, with a home of its own and the same project", async () => {
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(await project.run(["exec", "--", "uname", "-m"])).toMatchObject({
      out: `${machines[platform]}\n`,
    });
    await project.run(["exec", ...here, "--", "sh", "-c", "echo there > ~/mine; echo both > file"]);
    expect((await project.run(["exec", "--", "sh", "-c", "ls ~; cat file"])).out).toBe("both\n");
    const list = (await project.run(["ps"])).out;
    expect(list.match(/^both-/gm)).toHaveLength(2);
    expect(list).toContain(`(${foreign})`);
  });

  test("is told of and stopped by its platform alone", async () => {
    expect(await project.run(["down", ...here])).toMatchObject({ code: 0, out: "both stopped\n" });
    expect((await project.run(["status", ...here])).out).toMatch(/^state +stopped$/m);
    expect((await project.run(["status"])).out).toMatch(/^state +running/m);
    // What is stopped starts again.
    expect(await project.run(["exec", ...here, "--", "cat", "/home/dev/mine"])).toMatchObject({
      out: "there\n",
    });
  });

  test("has to be one of the configuration's", async () => {
    const { code, err } = await project.run(["up", "--platform", "linux/riscv64"]);
    expect(code).toBe(1);
    expect(err).toContain('"platforms" has linux/amd64, linux/arm64, not linux/riscv64');
    expect((await project.run(["exec", "--platform"])).code).toBe(2);
  });
});
