import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lock, lockedPackages } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";
import { type Mirror, openMirror } from "../support/mirror.ts";

const [tester] = testers();

describe("what a mirror does not have any more", () => {
  let ground: Ground;
  let fresh: Ground;
  let mirror: Mirror;
  let done: Project;
  let project: Project;
  beforeAll(async () => {
    if (tester === undefined) throw new Error("nobody to run the tests");
    ground = new Ground(tester);
    done = ground.project({ name: "lost", packages: ["hello"] });
    expect(await done.run(["build"])).toMatchObject({ code: 0 });
    mirror = await openMirror(done);
    fresh = ground.withOtherStore(["blobs"]);
    project = fresh.project({ name: "lost", packages: ["hello"] });
    project.write("devenv.lock", done.read("devenv.lock"));
    const lock = JSON.parse(done.read("devenv.lock")) as Lock;
    const hello = Object.values(lock.platforms)
      .flatMap(lockedPackages)
      .filter(({ name }) => name === "hello");
    for (const { sha256 } of hello) rmSync(join(fresh.store, "blobs/sha256", sha256), { force: true });
  });
  afterAll(async () => {
    await mirror.close();
    await fresh.close();
    await ground.close();
  });

  const build = () => project.run(["build", "--frozen"], { env: mirror.env });

  test("and nobody else has, is an error that names where it was looked for", async () => {
    mirror.lose("/hello_", { everywhere: true });
    const { code, err } = await build();
    expect(code).toBe(1);
    expect(err).toMatch(/\/debian\/pool\/main\/h\/hello\/hello_\S+\.deb/);
    expect(err).toMatch(/\/archive\/debian\/[0-9TZ]+\/pool\/main\/h\/hello\/hello_\S+\.deb/);
    await mirror.close();
  });

  test("comes from the archive as it was when it was locked", async () => {
    mirror = await openMirror(done);
    mirror.lose("/hello_");
    expect(await build()).toMatchObject({ code: 0 });
    const asked = mirror.asked.filter((path) => path.includes("/hello_"));
    expect(asked).toEqual([
      expect.stringMatching(/^\/debian\/pool\//),
      expect.stringMatching(/^\/archive\/debian\/[0-9]{8}T[0-9]{6}Z\/pool\//),
    ]);
    expect(readdirSync(join(fresh.store, "images"))).toHaveLength(1);
  });
});

describe("a day", () => {
  let ground: Ground;
  beforeAll(() => {
    if (tester === undefined) throw new Error("nobody to run the tests");
    ground = new Ground(tester);
  });
  afterAll(() => ground.close());

  test("that is not over is refused with its place", async () => {
    const asOf = new Date().toISOString().slice(0, 10);
    const project = ground.project({ name: "future", asOf });
    const { code, err } = await project.run(["lock"]);
    expect(code).toBe(2);
    expect(err).toMatch(new RegExp(`devenv\\.jsonc:\\d+:\\d+: asOf: ${asOf} is not over yet`));
  });

  test("is asked of the mirror that the user set, and --frozen tells of another one", async () => {
    const project = ground.project({ name: "past" });
    expect(await project.run(["lock"])).toMatchObject({ code: 0 });
    project.configure({ name: "past", asOf: "2024-03-17" });
    const env = { DEVENV_DEBIAN_SNAPSHOT_MIRROR: "http://127.0.0.1:9" };
    const { code, err } = await project.run(["lock"], { env });
    expect(code).toBe(1);
    expect(err).toContain("http://127.0.0.1:9/archive/debian/20240317T235959Z/dists/bookworm/InRelease");
    expect((await project.run(["lock", "--check"])).err).toContain(
      "asked for is what there was as of 2024-03-17, locked as of today",
    );
  });

  test("is what init writes when told so", async () => {
    const project = ground.project({ name: "dated" });
    rmSync(join(project.root, "devenv.jsonc"));
    expect((await project.run(["init", "--as-of", "2024-3-17"])).code).toBe(2);
    expect(await project.run(["init", "--as-of", "2024-03-17"])).toMatchObject({ code: 0 });
    expect(project.read("devenv.jsonc")).toMatch(/^ {2}"asOf": "2024-03-17",$/m);
  });
});
