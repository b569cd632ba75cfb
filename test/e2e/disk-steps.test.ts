import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";
import { type Mirror, openMirror } from "../support/mirror.ts";
import { contentsOf } from "../support/store-contents.ts";

const wish = { name: "filled", packages: ["hello"] };

/** Only root can mount a small disk. */
const mounters = testers()
  .filter(() => process.getuid?.() === 0)
  .slice(-1);
if (mounters.length > 0)
  describe.each(mounters)("a disk that is full at each point of a cold up of $label", (tester) => {
    let ground: Ground;
    let full: Ground;
    let mirror: Mirror;
    let data: string;
    let project: Project;
    let image: string | undefined;

    beforeAll(async () => {
      ground = new Ground(tester);
      const done = ground.project(wish);
      expect(await done.run(["up"])).toMatchObject({ code: 0 });
      image = done.state.image?.digest;
      mirror = await openMirror(done);
      data = ground.directoryFor("data");
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1g", "tmpfs", data]);
      full = ground.withOtherStore([], data);
      project = full.project(wish);
      project.write("devenv.lock", done.read("devenv.lock"));
    });
    afterAll(async () => {
      await mirror.close();
      await full.close();
      execFileSync("umount", ["--lazy", data]);
      await ground.close();
    });

    const up = () => project.run(["up", "--frozen"], { env: mirror.env });

    test("stops it with an error that says so, keeps what is done, and has room for the rest in the end", async () => {
      expect(await up()).toMatchObject({ code: 0 });
      const used = Number(
        execFileSync("df", ["--output=used", "-BM", data])
          .toString()
          .match(/(\d+)M/)?.[1],
      );
      await project.run(["rm", "-y"]);
      expect(await project.run(["gc", "--all"])).toMatchObject({ code: 0 });
      const phases: string[] = [];
      for (const size of [10, Math.round(used / 3), used - 3, used - 2, used - 1]) {
        execFileSync("mount", ["-o", `remount,size=${size}m`, data]);
        const { code, err } = await up();
        if (code === 0) break;
        expect(err).not.toContain("devenv itself failed");
        const message = new RegExp(
          `^error: ${full.store}: no space left on device: the file system at ${data} \\(tmpfs\\) has [\\d.]+ of ${size}.0 MiB free, and more is needed$`,
          "m",
        );
        expect(err).toMatch(message);
        expect(err).toMatch(/devenv gc --all --dry-run/);
        const done = err
          .slice(0, err.search(/^error: /m))
          .trim()
          .split("\n");
        phases.push(done.at(-1) ?? "");
      }
      // Different points, or the test does not show what it is to show.
      expect(new Set(phases).size, phases.join()).toBeGreaterThan(2);
      expect(phases[0]).toBe("downloading the base");
      execFileSync("mount", ["-o", "remount,size=1g", data]);
      const { code, err } = await up();
      expect(code, err).toBe(0);
      expect(project.state.image?.digest).toBe(image);
      expect(await project.inside("hello -t")).toMatchObject({ out: "hello, world\n" });
      const leftovers = contentsOf(full.store).filter((path) => /^(tmp|layers)\/[^ ]*\.|\/\./.test(path));
      expect(leftovers).toEqual([]);
      expect(await project.run(["store", "verify"])).toMatchObject({ code: 0 });
    });

    test("does not keep gc from making room", async () => {
      await project.run(["rm", "-y"]);
      const filler = join(data, "filler");
      execFileSync("sh", ["-c", `cat /dev/zero > ${filler} 2>/dev/null || true`]);
      const { code, out, err } = await project.run(["gc", "--all"]);
      expect({ code, out }, err).toEqual({ code: 0, out: expect.stringMatching(/layers +2 /) });
    });
  });
