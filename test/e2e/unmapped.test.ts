import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers, unmapped } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Project } from "../support/ground.ts";
import { platforms, pushTools } from "../support/tools-image.ts";

/** Nobody listens there: what asks for anything fails in another way than is expected. */
const unreachable = {
  DEVENV_DEBIAN_MIRROR: "http://127.0.0.1:1/debian",
  DEVENV_DEBIAN_SECURITY_MIRROR: "http://127.0.0.1:1/debian-security",
};

// Only root can become another user, and take something of the host away from one.
if (process.getuid?.() === 0) {
  describe("a user without subordinate ids", () => {
    let ground: Ground;
    let project: Project;
    let registry: DockerRegistry;
    beforeAll(async () => {
      registry = await startDockerRegistry();
      await pushTools(registry, "acme/tools:1", "first");
      ground = new Ground(unmapped());
      project = ground.project({ name: "unmapped", tasks: { test: "true" } });
    });
    afterAll(async () => {
      await ground.close();
      await registry.stop();
    });

    test.each([
      [["up"]],
      [["up", "--dry-run"]],
      [["build"]],
      [["shell"]],
      [["exec", "--", "true"]],
      [["run", "test"]],
      [["export", "--format", "oci"]],
      [["push", "127.0.0.1:1/acme/unmapped:1"]],
    ])("is told at once what is missing, before anything is asked for: %j", async (words) => {
      const { code, out, err } = await project.run(words, { env: unreachable });
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(
        /^error: \/etc\/subuid: nobody has 0 subordinate ids, 65536 are needed\n {2}Once, as root: usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ nobody\n$/m,
      );
      expect(err.match(/error/g)).toHaveLength(1);
      expect(existsSync(join(project.root, "devenv.lock"))).toBe(false);
    });

    test("makes a configuration, edits and locks it, and asks about it", async () => {
      const init = await ground.start([ground.program, "init"], { cwd: ground.directoryFor("fresh") })
        .outcome;
      expect(init).toMatchObject({ code: 0 });
      expect(await project.run(["lock"])).toMatchObject({ code: 0 });
      expect(await project.run(["add", "hello"])).toMatchObject({ code: 0 });
      expect((await project.run(["search", "hello"])).out).toMatch(/^hello /m);
      expect((await project.run(["why", "hello"])).out).toContain("hello");
      expect(await project.run(["remove", "hello"])).toMatchObject({ code: 0 });
      expect(await project.run(["update"])).toMatchObject({ code: 0 });
      expect(await project.run(["lock", "--check"])).toMatchObject({ code: 0 });
      expect((await project.run(["status"])).out).toMatch(/^state +absent$/m);
      expect(await project.run(["ps"])).toMatchObject({ code: 0 });
      expect(readdirSync(join(ground.store, "layers"))).toEqual([]);
    });

    test("locks an image, and pulls none", async () => {
      const base = `${registry.name}/acme/tools:1`;
      const imaged = ground.project({ name: "imaged", base, platforms });
      expect(await imaged.run(["lock"])).toMatchObject({ code: 0 });
      for (const words of [["build"], ["up", "--frozen"], ["pull", base]]) {
        const { code, err } = await imaged.run(words);
        expect(code).toBe(1);
        expect(err).toMatch(/^error: \/etc\/subuid: nobody has 0 subordinate ids/);
      }
      expect(readdirSync(join(ground.store, "layers"))).toEqual([]);
    });
  });

  describe.each(testers().filter(({ uid }) => uid !== 0))("$label without newuidmap", (tester) => {
    test("is told so before an image is downloaded", async () => {
      const ground = new Ground(tester).withOtherStore([]);
      const project = ground.project({ name: "helpless" });
      expect(await project.run(["lock"])).toMatchObject({ code: 0 });
      const script =
        'mount --bind /dev/null /usr/bin/newuidmap; exec setpriv --reuid "$1" --regid "$2" --init-groups "$3" build';
      const { uid, gid } = tester;
      const { status, stderr } = spawnSync(
        "unshare",
        ["--mount", "sh", "-c", script, "sh", String(uid), String(gid), ground.program],
        {
          cwd: project.root,
          env: { ...process.env, XDG_DATA_HOME: ground.data, HOME: "/", ...unreachable },
          encoding: "utf8",
        },
      );
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: newuidmap cannot be started .*\n {2}.*apt-get install uidmap$/m);
      expect(stderr).not.toContain("127.0.0.1");
    });
  });
}
