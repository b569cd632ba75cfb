import { execFileSync, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

/** Only root can mount a small disk. */
const mounters = testers().filter(({ uid }) => uid === 0);
if (mounters.length > 0)
  describe.each(mounters)("a full disk of $label", (tester) => {
    let ground: Ground;
    let full: Ground;
    let data: string;
    let project: Project;
    beforeAll(async () => {
      ground = new Ground(tester);
      expect(await ground.project({ name: "filler" }).run(["build"])).toMatchObject({ code: 0 });
      data = ground.directoryFor("data");
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2g", "tmpfs", data]);
      full = ground.withOtherStore(["indexes", "blobs"], data);
      const used = execFileSync("df", ["--output=used", "--block-size=1M", data], { encoding: "utf8" });
      // A part of the base fits.
      const size = Number(used.trim().split("\n").at(-1)) + 40;
      execFileSync("mount", ["-o", `remount,size=${size}m`, data]);
      project = full.project({ name: "full" });
    });
    afterAll(async () => {
      await full.close();
      execFileSync("umount", ["--lazy", data]);
      await ground.close();
    });

    test("fails a build with a clear error, and the next one works when there is space", async () => {
      const { code, out, err } = await project.run(["up"]);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(/^error: .*[Nn]o space left on device/m);
      expect(err).not.toContain("devenv itself failed");
      execFileSync("mount", ["-o", "remount,size=2g", data]);
      expect(await project.run(["up"])).toMatchObject({ code: 0, out: "full is running\n" });
      await project.inside("echo text > ~/kept; echo text > /var/tmp/kept");
    });

    test("takes nothing from an environment: it is entered, and works on when there is space", async () => {
      const filler = join(data, "filler");
      // Else its removal makes room for what comes.
      rmSync(project.entry);
      spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1M"]);
      spawnSync("sh", ["-c", `cat /dev/zero >> ${filler}`]);
      expect(await project.inside("cat ~/kept /var/tmp/kept")).toMatchObject({
        code: 0,
        out: "text\ntext\n",
      });
      project.configure({ name: "full", env: { GREETING: "hello" } });
      const { code, err } = await project.run(["up"]);
      expect(code).toBe(1);
      expect(err).toMatch(/^error: .*: no space left on device: .*\(tmpfs\) has 0\.0 of 2048\.0 MiB free/m);
      expect(err).toMatch(/^ {2}\S+state\.json: cannot be written$/m);
      expect(err).not.toContain("devenv itself failed");
      rmSync(filler);
      expect(await project.run(["up"])).toMatchObject({ code: 0 });
      expect(await project.inside('cat ~/kept /var/tmp/kept; echo "$GREETING"')).toMatchObject({
        code: 0,
        out: "text\ntext\nhello\n",
      });
    });
  });
