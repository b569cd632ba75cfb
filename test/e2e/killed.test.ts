import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Tester, testers } from "../sandbox/host.ts";
import { startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Project } from "../support/ground.ts";
import { openMirror } from "../support/mirror.ts";
import { contentsOf } from "../support/store-contents.ts";
import { pushTools } from "../support/tools-image.ts";

/** How often each is killed, and what the moments are drawn from: `DEVENV_KILLS=100 npx vitest …`. */
const asked = process.env["DEVENV_KILLS"];
const seed = Number(process.env["DEVENV_KILLS_SEED"] ?? Date.now() % 1_000_000);

/** Everything that a cold `up` needs, near at hand. */
interface Scene {
  readonly fresh: Ground;
  readonly project: Project;
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

const kinds = [
  { kind: "from the archive's packages", kills: 4, prepare: prepareBootstrap, script: "hello -t" },
  { kind: "on an image", kills: 16, prepare: prepareImage, script: "cat /etc/release" },
];
const cases = testers()
  .slice(-1)
  .flatMap((tester) => kinds.map((kind) => ({ ...kind, tester, kills: Number(asked ?? kind.kills) })));

describe.each(cases)(`a cold up $kind, killed $kills times (seed ${seed}),`, (one) => {
  let scene: Scene;
  let expected: readonly string[] = [];
  let image: string | undefined;
  let said = "";
  let duration = 0;
  const random = generator(seed);

  beforeAll(async () => {
    scene = await one.prepare(one.tester);
    const began = performance.now();
    const { code, err } = await up();
    expect(code, err).toBe(0);
    duration = performance.now() - began;
    image = scene.project.state.image?.digest;
    said = (await scene.project.inside(one.script)).out;
    expected = contentsOf(scene.fresh.store);
  });
  afterAll(() => scene.close());

  const up = () => scene.project.run(["up", "--frozen"], { env: scene.env });

  /** Everything away that an `up` makes, down to what it downloads for one in three. */
  async function forget(withBlobs: boolean): Promise<void> {
    const { fresh, project } = scene;
    expect(await project.run(["rm", "-y"])).toMatchObject({ code: 0 });
    const places = ["layers", "steps", "images", ...(withBlobs ? ["blobs/sha256"] : [])];
    const names = (place: string) => readdirSync(join(fresh.store, place)).map((name) => join(place, name));
    await fresh.removeFromStore(places.flatMap(names));
  }

  test.each(Array.from({ length: one.kills }, (_, index) => index + 1))(
    "%d: the next one makes the right environment, and nothing is left over",
    { timeout: 300_000 },
    async () => {
      const { env, fresh, project } = scene;
      await forget(random() < 0.34);
      const moment = random() * duration * 1.1;
      // All of its group, as when a machine runs out of memory or is reset, or the one process alone.
      const whole = random() < 0.5;
      const { child, outcome } = project.start(["up", "--frozen"], { env, group: whole });
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
      expect(await project.inside(one.script), where).toMatchObject({ code: 0, out: said });
      expect(contentsOf(fresh.store), where).toEqual(expected);
    },
  );

  test("leaves a store in which nothing is damaged, and nobody at work", async () => {
    const { fresh, project } = scene;
    expect(said).not.toBe("");
    expect(await project.run(["store", "verify"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+ blobs and \d layers: no damage\n$/),
    });
    expect(processesOf(fresh.store)).toEqual([]);
  });
});

async function prepareBootstrap(tester: Tester): Promise<Scene> {
  const wish = { name: "killed", packages: ["hello"] };
  const ground = new Ground(tester);
  const done = ground.project(wish);
  expect(await done.run(["up"])).toMatchObject({ code: 0 });
  const mirror = await openMirror(done);
  const fresh = ground.withOtherStore(["indexes"]);
  const project = fresh.project(wish);
  project.write("devenv.lock", done.read("devenv.lock"));
  const close = async (): Promise<void> => {
    await mirror.close();
    await fresh.close();
    await ground.close();
  };
  return { fresh, project, env: mirror.env, close };
}

async function prepareImage(tester: Tester): Promise<Scene> {
  const registry = await startDockerRegistry();
  await pushTools(registry, "acme/killed:1", "killed");
  const fresh = new Ground(tester).withOtherStore([]);
  const project = fresh.project({ name: "killed", base: `${registry.name}/acme/killed:1` });
  // What a lock asks of the registry beside the image is kept, as the indexes of an archive are.
  expect(await project.run(["build"])).toMatchObject({ code: 0 });
  await fresh.removeFromStore(readdirSync(join(fresh.store, "layers")).map((name) => join("layers", name)));
  const close = async (): Promise<void> => {
    await fresh.close();
    await registry.stop();
  };
  return { fresh, project, env: {}, close };
}

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
