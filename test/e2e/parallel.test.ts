import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Outcome, type Project } from "../support/ground.ts";

const many = 16;

// An ordinary user: nothing here depends on who it is.
describe.each(testers().slice(-1))(`${many} up of $label at once`, (tester) => {
  let shared: Ground;
  let ground: Ground;

  beforeAll(async () => {
    shared = new Ground(tester);
    const filler = shared.project({ name: "filler", packages: ["hello", "time"] });
    expect(await filler.run(["build"])).toMatchObject({ code: 0 });
    ground = shared.withOtherStore(["indexes", "blobs"]);
  });
  afterAll(async () => {
    await ground.close();
    await shared.close();
  });

  const list = (name: string): string[] => readdirSync(join(ground.store, name)).sort();
  const up = (project: Project): Promise<Outcome> => project.run(["up"], { env: { DEVENV_DEBUG: "timing" } });

  /** How often a step's layer was packed, by the step. */
  function built(outcomes: readonly Outcome[]): Record<string, number> {
    const lines = outcomes.flatMap(({ err }) => [...err.matchAll(/^timing: (\w+): pack /gm)]);
    const counts: Record<string, number> = {};
    for (const [, step = ""] of lines) counts[step] = (counts[step] ?? 0) + 1;
    return counts;
  }

  test("in different projects build what they have in common once, and each layer once", async () => {
    const kinds = [[], ["hello"], ["time"], ["hello", "time"]];
    const projects = Array.from({ length: many }, (_, number) =>
      ground.project({ name: `project-${number}`, packages: kinds[number % kinds.length], network: "none" }),
    );
    const outcomes = await Promise.all(projects.map(up));
    for (const [number, { code, err, out }] of outcomes.entries())
      expect({ code, out }, err).toEqual({ code: 0, out: `project-${number} is running\n` });
    expect(built(outcomes)).toEqual({ base: 1, packages: 3 });
    expect(list("layers")).toHaveLength(4);
    expect(list("steps")).toHaveLength(4);
    const images = projects.map(({ state }) => state.image?.digest);
    expect(new Set(images).size).toBe(kinds.length);
    expect(images).toEqual(images.map((_, number) => images[number % kinds.length]));
    await Promise.all(projects.map((project) => project.run(["rm", "-y"])));
    expect([list("environments"), list("tmp")]).toEqual([[], []]);
  });

  test("in one project build everything once, start one environment and agree on it", async () => {
    expect(await ground.project({ name: "any" }).run(["gc", "--all"])).toMatchObject({ code: 0 });
    expect(list("layers")).toEqual([]);
    shared.withOtherStore(["indexes", "blobs"], ground.data);
    const project = ground.project({ name: "single", packages: ["hello"], network: "none" });
    const outcomes = await Promise.all(Array.from({ length: many }, () => up(project)));
    for (const { code, err, out } of outcomes)
      expect({ code, out }, err).toEqual({ code: 0, out: expect.stringMatching(/^single is .*running\n$/) });
    const made = outcomes.filter(({ out }) => out === "single is running\n");
    expect(made).toHaveLength(1);
    expect(built(outcomes)).toEqual({ base: 1, packages: 1 });
    expect([list("layers").length, list("environments").length, list("tmp").length]).toEqual([2, 1, 0]);
    expect(await project.inside("hello -t")).toMatchObject({ out: "hello, world\n" });
  });
});
