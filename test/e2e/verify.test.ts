import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

describe.each(testers())("verify, for $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    // As the template has it.
    project = ground.project({ name: "verified" });
    rmSync(join(project.root, "devenv.jsonc"));
    expect(await project.run(["init"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test("needs a lock that records an image", async () => {
    expect((await project.run(["verify"])).err).toContain("there is none");
    expect(await project.run(["lock"])).toMatchObject({ code: 0 });
    const { code, err } = await project.run(["verify"]);
    expect(code).toBe(1);
    expect(err).toMatch(/devenv\.lock: records no image for linux\/\w+/);
  });

  test("builds the image again from nothing, and finds it the same", async () => {
    expect(await project.run(["build"])).toMatchObject({ code: 0 });
    const lock = project.read("devenv.lock");
    const { code, out, err } = await project.run(["verify"]);
    expect({ code, out }, err).toEqual({
      code: 0,
      out: expect.stringMatching(
        /^linux\/\w+ sha256:[0-9a-f]{64}, as recorded\nbuilt with .*another umask\n$/,
      ),
    });
    expect(err).toContain("anew: configuring the base");
    expect(project.read("devenv.lock")).toBe(lock);
    expect(readdirSync(join(ground.store, "tmp")).filter((name) => name.includes("verify"))).toEqual([]);
  });

  test("fails on an image that is not the recorded one, and names the layer", async () => {
    const lock = project.read("devenv.lock");
    const other = JSON.parse(lock) as {
      platforms: Record<string, { image?: { digest: string; layers: { step: string; diffID: string }[] } }>;
    };
    for (const { image } of Object.values(other.platforms)) {
      if (image === undefined) continue;
      image.digest = `sha256:${"0".repeat(64)}`;
      for (const layer of image.layers) if (layer.step === "base") layer.diffID = `sha256:${"1".repeat(64)}`;
    }
    project.write("devenv.lock", JSON.stringify(other));
    const { code, out } = await project.run(["verify", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      isSame: false,
      recorded: `sha256:${"0".repeat(64)}`,
      layers: [{ step: "base", recorded: `sha256:${"1".repeat(64)}` }],
    });
    project.write("devenv.lock", lock);
  });
});
