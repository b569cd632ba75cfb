import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground } from "../support/ground.ts";

describe.each(testers())("inputs of layers of $label", (tester) => {
  let ground: Ground;
  beforeAll(() => {
    ground = new Ground(tester);
  });
  afterAll(() => ground.close());

  test("up notices a changed input, also when it runs and whoever is asked", async () => {
    const project = ground.project({
      name: "notices",
      layers: [{ run: "cat word sub/x >/opt/word", inputs: ["word", "sub/x"] }],
    });
    project.write("word", "one\n");
    project.write("sub/x", "x\n");
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const withoutNode = { env: { PATH: "/nowhere" } };
    const same = { code: 0, out: "notices is up to date and running\n", err: "" };
    expect(await project.run(["up"], withoutNode)).toMatchObject(same);

    project.write("word", "two\n");
    expect(await project.run(["up"], withoutNode)).toMatchObject({ code: 1 });
    // What runs is entered as it is.
    expect(await project.run(["exec", "--", "cat", "/opt/word"], withoutNode)).toMatchObject({
      out: "one\nx\n",
    });
    const restarted = await project.run(["up"]);
    expect(restarted.err).toContain('step "layer 1": inputs changed: word\n');
    expect((await project.inside("cat /opt/word")).out).toBe("two\nx\n");
    expect(await project.run(["up"], withoutNode)).toMatchObject(same);

    chmodSync(join(project.root, "sub/x"), 0o755);
    expect((await project.run(["up"])).err).toContain('step "layer 1": inputs changed: sub/x\n');
    expect(await project.run(["down"])).toMatchObject({ code: 0 });
    project.write("word", "three\n");
    expect((await project.inside("cat /opt/word")).out).toBe("three\nx\n");
  });

  test("up notices files that a pattern matches", async () => {
    const project = ground.project({
      name: "patterns",
      layers: [{ run: "cat words/* >/opt/words", inputs: ["words/**"] }],
    });
    project.write("words/1", "one\n");
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const { init } = project;
    expect(await project.run(["up"])).toMatchObject({
      code: 0,
      out: "patterns is up to date and running\n",
      err: "",
    });
    expect(project.init).toEqual(init);
    project.write("words/2", "two\n");
    expect((await project.run(["up"])).err).toContain("inputs changed: words/2 (new)\n");
    expect((await project.inside("cat /opt/words")).out).toBe("one\ntwo\n");
  });
});
