import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";
import { type Mirror, openMirror } from "../support/mirror.ts";
import { contentsOf } from "../support/store-contents.ts";

/** How often a cold `up` is killed, and what the moments are drawn from: `DEVENV_KILLS=200 npx vitest …`. */
const kills = Number(process.env["DEVENV_KILLS"] ?? 6);
const seed = Number(process.env["DEVENV_KILLS_SEED"] ?? Date.now() % 1_000_000);

const wish = { name: "killed", packages: ["hello"] };

/** In the whole group: what a person's terminal or a machine that runs out of memory ends is not the one process alone. */
describe.each(testers().slice(-1))(`a cold up of $label, killed ${kills} times (seed ${seed}),`, (tester) => {
  let ground: Ground;
  let fresh: Ground;
  let mirror: Mirror;
  let project: Project;
  let expected: readonly string[] = [];
  let image: string | undefined;
  let duration = 0;
  const random = generator(seed);

  beforeAll(async () => {
    ground = new Ground(tester);
    const done = ground.project(wish);
    expect(await done.run(["up"])).toMatchObject({ code: 0 });
    image = done.state.image?.digest;
    mirror = await openMirror(done);
    fresh = ground.withOtherStore(["indexes"]);
    project = fresh.project(wish);
    project.write("devenv.lock", done.read("devenv.lock"));
    const began = performance.now();
    expect(await up()).toMatchObject({ code: 0 });
    duration = performance.now() - began;
    expected = contentsOf(fresh.store);
  });
  afterAll(async () => {
    await mirror.close();
    await fresh.close();
    await ground.close();
  });

  const up = () => project.run(["up", "--frozen"], { env: mirror.env });

  /** Everything away that an `up` makes, down to the downloads for one in three. */
  async function forget(withBlobs: boolean): Promise<void> {
    expect(await project.run(["rm", "-y"])).toMatchObject({ code: 0 });
    const names = ["layers", "steps", "images", ...(withBlobs ? ["blobs"] : [])];
    const paths = names.flatMap((name) =>
      (name === "blobs" ? ["blobs/sha256"] : [name]).flatMap((place) =>
        readdirSync(join(fresh.store, place)).map((one) => join(place, one)),
      ),
    );
    await fresh.removeFromStore(paths);
  }

  test.each(Array.from({ length: kills }, (_, index) => index + 1))(
    "%d: the next one makes the right environment, and nothing is left over",
    { timeout: 300_000 },
    async () => {
      await forget(random() < 0.34);
      const moment = random() * duration * 1.1;
      const whole = random() < 0.5;
      const { child, outcome } = project.start(["up", "--frozen"], { env: mirror.env, group: whole });
      await sleep(moment);
      if (child.exitCode === null && child.pid !== undefined)
        process.kill(whole ? -child.pid : child.pid, "SIGKILL");
      const { err } = await outcome;
      const where = `killed after ${Math.round(moment)} ms${whole ? " with its group" : ""}: ${err}`;
      const next = await up();
      expect({ code: next.code, image: project.state.image?.digest }, `${where}\n${next.err}`).toEqual({
        code: 0,
        image,
      });
      expect(await project.inside("hello -t"), where).toMatchObject({ code: 0, out: "hello, world\n" });
      expect(contentsOf(fresh.store), where).toEqual(expected);
    },
  );

  test("leaves a store in which nothing is damaged", async () => {
    expect(await project.run(["store", "verify"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+ blobs and 2 layers: no damage\n$/),
    });
    expect(processesOf(fresh.store)).toEqual([]);
  });
});

/** Command lines of what still works on a store, its environments not counted. */
function processesOf(store: string): string[] {
  const all = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
  return all.filter((line) => line.includes(`${store}/locks/`) || line.includes(`${store}/tmp/`));
}

/** Numbers from 0 to 1 that follow from the seed alone (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
