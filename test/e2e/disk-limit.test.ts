import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

const name = "bounded";
const mounts = [{ volume: "cache", target: "~/cache" }];

function tester(isRoot: boolean) {
  return testers().filter(({ uid }) => (uid === 0) === isRoot);
}

describe.each(tester(true))("limits.disk of $label", (user) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(user);
    project = ground.project({ name, mounts, limits: { disk: "64MiB" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: `${name} is running\n` });
  });
  afterAll(() => ground.close());

  test.each(["/var/tmp", "/home/dev", "/home/dev/cache"])("is where writing to %s ends", async (place) => {
    const fill = `cd ${place} && dd if=/dev/zero of=big bs=1M count=100; ls -l big | cut -d' ' -f5; rm big`;
    const { out, err } = await project.inside(fill);
    expect(err).toContain("No space left on device");
    expect(Number(out)).toBeGreaterThan(40 * 2 ** 20);
    expect(Number(out)).toBeLessThan(64 * 2 ** 20);
  });

  test("is one for all of them", async () => {
    const fill = "head -c 40M /dev/zero > ~/half && head -c 40M /dev/zero > /var/tmp/half";
    expect(await project.inside(fill)).toMatchObject({
      code: 1,
      err: expect.stringContaining("No space left"),
    });
    expect((await project.run(["status"])).out).toMatch(/^disk +64 MiB, 5\d(\.\d)? MiB used$/m);
    await project.inside("rm ~/half /var/tmp/half; echo kept | tee ~/kept ~/cache/kept /var/tmp/kept");
  });

  test("costs the host what is written only, and outlives a stop", async () => {
    expect(statSync(join(project.environment, "disk.img")).size).toBe(64 * 2 ** 20);
    await project.run(["down"]);
    expect(await project.inside("cat ~/kept ~/cache/kept /var/tmp/kept; stat -c %U ~ ~/cache")).toMatchObject(
      {
        code: 0,
        out: "kept\nkept\nkept\ndev\ndev\n",
        err: "",
      },
    );
  });

  test("grows with everything on it, and does not shrink", async () => {
    project.configure({ name, mounts, limits: { disk: "128MiB" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const { out } = await project.inside("cat ~/kept /var/tmp/kept; df --output=size -BM ~ | tail -1");
    expect(out).toMatch(/^kept\nkept\n *1[0-2]\dM\n$/);
    const { init } = project;
    project.configure({ name, mounts, limits: { disk: "100MiB" } });
    expect(await project.run(["up"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /"limits\.disk": the disk has 134217728 bytes and cannot shrink to 104857600\n .*devenv rm/,
      ),
    });
    expect(project.init).toEqual(init);
  });

  test("is not taken away, or given later, behind the back of what is in the home directory", async () => {
    project.configure({ name, mounts });
    expect(await project.run(["up"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("are on a disk of their own"),
    });
    const other = ground.project({ name: "free" });
    expect(await other.run(["up"])).toMatchObject({ code: 0 });
    other.configure({ name: "free", limits: { disk: "64MiB" } });
    expect(await other.run(["up"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("are on no disk of their own"),
    });
  });

  test("a new writable layer is an empty one, and the home directory stays", async () => {
    project.configure({ name, mounts, limits: { disk: "128MiB" }, packages: ["hello"] });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(await project.inside("cat ~/kept; ls /var/tmp; hello")).toMatchObject({
      code: 0,
      out: "kept\nHello, world!\n",
    });
  });

  test("is never mounted twice: a start waits for whoever still holds it", async () => {
    const file = join(project.environment, "disk.img");
    const holds = (path: string) => spawnSync("flock", ["-n", path, "true"]).status !== 0;
    expect(holds(file)).toBe(true);
    await project.run(["down"]);
    const holder = spawn("flock", [file, "sh", "-c", "echo; exec sleep 1000"]);
    await once(holder.stdout, "data");
    expect(await project.run(["up"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/disk\.img is still in use; a command that had entered/),
    });
    spawnSync("pkill", ["-P", String(holder.pid)]);
    await once(holder, "exit");
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect(await project.inside("cat ~/kept")).toMatchObject({ code: 0, out: "kept\n" });
  });

  test("leaves no device and no file behind rm", async () => {
    const { environment } = project;
    expect(execFileSync("losetup", ["-a"], { encoding: "utf8" })).toContain(environment);
    expect(await project.run(["rm", "-y"])).toMatchObject({ code: 0 });
    expect(existsSync(environment)).toBe(false);
    expect(execFileSync("losetup", ["-a"], { encoding: "utf8" })).not.toContain(environment);
  });
});

describe.each(tester(false))("limits.disk of $label", (user) => {
  let ground: Ground;
  beforeAll(() => {
    ground = new Ground(user);
  });
  afterAll(() => ground.close());

  test("is refused with the reason, unless one does without", async () => {
    const project = ground.project({ name: "hopeful", limits: { disk: "64MiB" } });
    expect(await project.run(["up"])).toMatchObject({
      code: 1,
      err: expect.stringContaining('the limit "disk" cannot be enforced here: only root, and the VM, may'),
    });
    expect(await project.run(["up", "--allow-missing-limits"])).toMatchObject({ code: 0 });
    expect((await project.run(["status"])).out).toMatch(/^disk +64 MiB, not enforced: only root/m);
  });
});
