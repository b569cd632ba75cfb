import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Collection } from "../../src/environment/gc/collect.ts";
import type { Lock, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { eventually, Ground, type Outcome, type Project, platform } from "../support/ground.ts";
import { openMirror } from "../support/mirror.ts";
import { pushTools } from "../support/tools-image.ts";

describe.each(testers())("gc, for $label", (tester) => {
  let ground: Ground;
  let registry: DockerRegistry;
  let project: Project;
  const wish = () => ({ name: "kept", base: `${registry.name}/acme/kept:1` });

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushTools(registry, "acme/kept:1", "first");
    ground = new Ground(tester).withOtherStore([]);
    project = ground.project(wish());
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
  });

  const layers = (): string[] => readdirSync(join(ground.store, "layers")).sort();
  const layersOf = (one: Project): string[] =>
    ((JSON.parse(one.read("devenv.lock")) as Lock).platforms[platform as Platform]?.image?.layers ?? [])
      .map(({ diffID }) => diffID.replace("sha256:", ""))
      .sort();
  async function gc(...words: string[]): Promise<Collection> {
    const { code, out, err } = await project.run(["gc", "--json", ...words]);
    expect(code, err).toBe(0);
    return JSON.parse(out) as Collection;
  }
  const counts = ({ freed }: Collection): Record<string, number> =>
    Object.fromEntries(freed.map(({ count, kind }) => [kind, count]));
  const remove = (one: Project): Promise<Outcome> => one.run(["rm", "-y"]);

  test("leaves an environment what it stands on, running or not, which then starts without the registry", async () => {
    const before = layers();
    await gc("--all");
    expect(layers()).toEqual(before);
    expect(await project.inside("cat /etc/release")).toMatchObject({ out: "first\n" });
    await project.run(["down"]);
    await gc("--all");
    expect(layers()).toEqual(before);
    expect(await project.inside("cat /etc/release")).toMatchObject({ out: "first\n" });
    project.touch();
    expect(await project.run(["up"])).toMatchObject({ code: 0, out: "kept is up to date and running\n" });
  });

  test("keeps what was used in the last 30 days; --all does not, and says before and after what it frees", async () => {
    await pushTools(registry, "acme/other:1", "other");
    const other = ground.project({ name: "other", base: `${registry.name}/acme/other:1` });
    await other.run(["up"]);
    const own = layersOf(other).filter((name) => !layersOf(project).includes(name));
    expect(own).toHaveLength(1);
    await remove(other);
    expect(counts(await gc())).toMatchObject({ layers: 0, images: 0, blobs: 0 });
    expect(layers()).toEqual(expect.arrayContaining(own));
    const announced = await gc("--all", "--dry-run");
    expect(counts(announced)).toMatchObject({ layers: 1, images: 1 });
    const place = join(ground.store, "layers", own[0] ?? "");
    expect(announced.freed.find(({ kind }) => kind === "layers")?.bytes).toBe(du(place));
    expect(existsSync(place)).toBe(true);
    expect({ ...(await gc("--all")), dryRun: true }).toEqual(announced);
    expect(layers()).toEqual(layersOf(project));
    expect(counts(await gc("--all"))).toMatchObject({ layers: 0, images: 0, steps: 0, blobs: 0 });
    const names = readdirSync(join(ground.store, "locks")).filter((name) => name.includes(own[0] ?? ""));
    expect(names).toEqual([]);
  });

  test("makes nothing anew that is used again: what was collected is pulled", async () => {
    const again = ground.project({ name: "again", base: `${registry.name}/acme/other:1` });
    expect(await again.run(["up"])).toMatchObject({ code: 0 });
    expect(await again.inside("cat /etc/release")).toMatchObject({ out: "other\n" });
    await remove(again);
    await gc("--all");
  });

  test("by a use is the time moved until which something is kept", async () => {
    const used = ground.project({ name: "used", base: `${registry.name}/acme/other:1` });
    await used.run(["build"]);
    const image = readdirSync(join(ground.store, "images")).filter(
      (name) => !name.startsWith(project.state.image?.digest.slice("sha256:".length) ?? ""),
    );
    const files = [
      ...image.map((name) => join(ground.store, "images", name)),
      ...readdirSync(join(ground.store, "steps")).map((name) => join(ground.store, "steps", name)),
    ];
    for (const file of files) utimesSync(file, 1000, 1000);
    expect(counts(await gc("--older-than", "1d", "--dry-run"))).toMatchObject({ images: 1, layers: 0 });
    await used.run(["build"]);
    expect(counts(await gc("--older-than", "1d", "--dry-run"))).toMatchObject({ images: 0, layers: 0 });
    await gc("--all");
  });

  test("keeps all layers while nobody knows what an environment stands on, and says whose fault it is", async () => {
    const other = ground.project({ name: "spare", base: `${registry.name}/acme/other:1` });
    await other.run(["build"]);
    const before = layers();
    const { environment, state } = project;
    writeFileSync(join(environment, "state.json"), "{ damaged");
    rmSync(project.entry, { force: true });
    await project.run(["gc", "--all", "--dry-run"]);
    const { code, err } = await project.run(["gc", "--all"]);
    expect({ code, err }).toEqual({
      code: 0,
      err: expect.stringMatching(
        /^kept-\w{12}: its state is damaged, so all layers are kept; .*devenv rm kept-/,
      ),
    });
    expect(layers()).toEqual(before);
    project.state = state;
    await gc("--all");
    expect(layers()).toEqual(layersOf(project));
  });

  test("keeps layers that are mounted, whatever is written down", async () => {
    const before = layers();
    expect(before).toEqual(layersOf(project));
    const { state } = project;
    const lock = project.read("devenv.lock");
    const { image: _, ...without } = state;
    project.state = without;
    rmSync(project.entry, { force: true });
    rmSync(join(project.root, "devenv.lock"));
    await gc("--all");
    expect(layers()).toEqual(before);
    project.state = state;
    project.write("devenv.lock", lock);
    expect(await project.inside("cat /etc/release")).toMatchObject({ out: "first\n" });
  });

  test("keeps the layers that the lock of an environment's project records", async () => {
    const lock = project.read("devenv.lock");
    await pushTools(registry, "acme/kept:1", "second");
    await project.run(["update"]);
    await project.run(["build"]);
    const all = layers();
    expect(all.length).toBeGreaterThan(layersOf(project).length);
    await gc("--all");
    expect(layers()).toEqual(all);
    project.write("devenv.lock", lock);
    await gc("--all");
    expect(layers()).toEqual(layersOf(project));
  });

  test("removes what a killed command left, and refuses what it does not understand", async () => {
    const leftover = join(ground.store, "layers", "00000001.1.1.1.layer.0123456789ab");
    ground.own(leftover);
    const hidden = join(ground.store, "steps/.00000001.1.1.1.write.0123456789ab");
    writeFileSync(hidden, "half");
    expect(counts(await gc("--dry-run"))).toMatchObject({ leftovers: 2 });
    expect(existsSync(hidden)).toBe(true);
    expect(counts(await gc())).toMatchObject({ leftovers: 2 });
    expect([leftover, hidden].filter((path) => existsSync(path))).toEqual([]);
    for (const words of [
      ["--older-than", "soon"],
      ["--all", "--older-than", "1d"],
    ])
      expect(await project.run(["gc", ...words])).toMatchObject({ code: 2 });
  });

  test("takes nothing from any of many that build and start beside it", async () => {
    await pushTools(registry, "acme/other:1", "other");
    let isOver = false;
    const collecting = (async () => {
      const outcomes: Outcome[] = [];
      while (!isOver) outcomes.push(await project.run(["gc", "--all"]));
      return outcomes;
    })();
    const others = Array.from({ length: 8 }, (_, number) =>
      ground.project({ name: `beside-${number}`, base: `${registry.name}/acme/other:1`, network: "none" }),
    );
    const outcomes = await Promise.all(others.map((other) => other.run(["up"])));
    isOver = true;
    for (const { code, err } of outcomes) expect(code, err).toBe(0);
    for (const other of others)
      expect(await other.inside("cat /etc/release")).toMatchObject({ code: 0, out: "other\n" });
    await Promise.all(others.map(remove));
    const collections = await collecting;
    expect(collections.length).toBeGreaterThan(1);
    expect(collections.filter(({ code }) => code !== 0)).toEqual([]);
    expect(await project.run(["store", "verify"])).toMatchObject({ code: 0 });
    await gc("--all");
  });

  test("prints a table for people", async () => {
    expect(await project.run(["gc"])).toMatchObject({ code: 0, out: "nothing to free\n" });
    const other = ground.project({ name: "table", base: `${registry.name}/acme/other:1` });
    await other.run(["build"]);
    const { out } = await project.run(["gc", "--all"]);
    expect(out).toMatch(/^KIND +COUNT +SIZE\n(.*\n)*layers +1 +\S+ KiB\n(.*\n)*\S+ KiB freed\n$/);
  });
});

// An ordinary user: who it is makes no difference to leases.
describe.each(testers().slice(-1))("gc beside an up of $label that builds", (tester) => {
  // The base is everybody's, and may be mounted by another test; the layer of the package is not.
  const wish = { name: "leased", packages: ["time"] };

  test("takes nothing that it used or made; what it left when it is killed goes", async () => {
    const ground = new Ground(tester);
    const done = ground.project(wish);
    expect(await done.run(["up"])).toMatchObject({ code: 0 });
    const mirror = await openMirror(done);
    const fresh = ground.withOtherStore(["indexes", "blobs"]);
    try {
      const project = fresh.project(wish);
      project.write("devenv.lock", done.read("devenv.lock"));
      const file = blobOf(done, "time");
      rmSync(join(fresh.store, "blobs/sha256", file));
      mirror.pauseAfter(0);
      const list = (name: string): string[] => readdirSync(join(fresh.store, name)).sort();

      const killed = project.start(["up", "--frozen"], { env: mirror.env });
      await killed.until("downloading the packages");
      // They come while the base is made.
      await eventually(() => list("steps").some((name) => /^[0-9a-f]{64}\.json$/.test(name)));
      const [made, records] = [list("layers"), list("steps")];
      expect(made.filter((name) => /^[0-9a-f]{64}$/.test(name))).toHaveLength(1);
      const blobs = list("blobs/sha256");
      expect(await project.run(["gc", "--all"])).toMatchObject({ code: 0 });
      expect([list("layers"), list("steps")]).toEqual([made, records]);
      const before = JSON.parse(readFileSync(join(project.root, "devenv.lock"), "utf8")) as Lock;
      const locked = before.platforms[platform as Platform];
      const base = locked?.base.kind === "bootstrap" ? locked.base.packages.map(({ sha256 }) => sha256) : [];
      expect(list("blobs/sha256")).toEqual(blobs.filter((name) => base.includes(name)));
      killed.child.kill("SIGKILL");
      await killed.outcome;

      const going = project.start(["up", "--frozen"], { env: mirror.env });
      await going.until("downloading the packages");
      expect(await project.run(["gc", "--all"])).toMatchObject({ code: 0 });
      expect(list("layers")).toEqual(made);
      mirror.goOn();
      const { code, err } = await going.outcome;
      expect({ code, base: err.includes("the base") }, err).toEqual({ code: 0, base: false });
      expect(project.state.image?.digest).toBe(done.state.image?.digest);
      await project.run(["rm", "-y"]);
      await done.run(["down"]);
      rmSync(join(project.root, "devenv.lock"));
      expect(await project.run(["gc", "--all"])).toMatchObject({ code: 0 });
      for (const name of ["images", "blobs/sha256", "tmp"]) expect(list(name)).toEqual([]);
      expect(made).toEqual(expect.arrayContaining(list("layers")));
    } finally {
      await mirror.close();
      await fresh.close();
      await ground.close();
    }
  });
});

function blobOf(project: Project, name: string): string {
  const locked = (JSON.parse(project.read("devenv.lock")) as Lock).platforms[platform as Platform];
  const found = locked?.packages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is not locked`);
  return found.sha256;
}

function du(path: string): number {
  return Number(execFileSync("du", ["-s", "-B1", path]).toString().split("\t")[0]);
}
