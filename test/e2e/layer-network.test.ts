import { readdirSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedLayer, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import {
  addOtherAddresses,
  elsewhere,
  otherAddress,
  portOf,
  removeOtherAddresses,
  serve,
} from "../support/network-host.ts";

function layersOf(project: Project): readonly LockedLayer[] {
  const { image } = (JSON.parse(project.read("devenv.lock")) as Lock).platforms[platform as Platform] ?? {};
  return (image?.layers ?? []).filter(({ step }) => step === "layer");
}

describe.each(testers())("a layer that reaches the network, for $label,", (tester) => {
  let ground: Ground;
  let outside: Server;
  let loopback: Server;
  beforeAll(async () => {
    addOtherAddresses();
    ground = new Ground(tester);
    outside = await serve({ host: otherAddress }, "from outside");
    loopback = await serve({ host: "127.0.0.1" }, "from the host's loopback");
    expect(await ground.project({ name: "warm" }).run(["build"])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    outside.close();
    loopback.close();
    await ground.close();
    removeOtherAddresses();
  });

  /** Prints what a server says, or why there is none. */
  const reading = (address: string, server: Server): string =>
    `timeout 10 bash -c 'exec 3<>/dev/tcp/${address}/${portOf(server)} && cat <&3' 2>&1 || true`;
  const fetching = (): string => `{ ${reading(otherAddress, outside)}; } >/opt/fetched`;
  /** Gives something else each time. */
  const random = "head -c 8 /dev/urandom >/opt/random; touch /opt/made-$(date +%N); echo same >/opt/same";

  test("has one of its own: what is outside is reached, the host's loopback is not", async () => {
    const looking = `{ ${reading(otherAddress, outside)}; ${reading("127.0.0.1", loopback)}; } >/opt/seen`;
    const run = `${looking}; ls /sys/class/net | tr '\\n' ' ' >>/opt/seen`;
    const project = ground.project({ name: "reaches", layers: [{ name: "fetch", run, network: true }] });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    const seen = (await project.inside("cat /opt/seen; cat /etc/resolv.conf | wc -l")).out;
    expect(seen).toMatch(/^from outside\n.*Connection refused\n/s);
    expect(seen).not.toContain("from the host's loopback");
    expect(seen).toContain("eth0 lo ");
    expect(layersOf(project)).toEqual([expect.objectContaining({ name: "fetch", network: true })]);
    const { diffID } = layersOf(project)[0] ?? { diffID: "" };
    const layer = join(ground.store, "layers", diffID.slice(-64));
    expect(readdirSync(join(layer, "etc"))).toEqual([]);
  });

  test("does not without saying so", async () => {
    const project = ground.project({ name: "alone", layers: [{ run: fetching() }] });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
    expect((await project.inside("cat /opt/fetched")).out).toContain("Network is unreachable");
    expect(layersOf(project)[0]).not.toHaveProperty("network");
  });

  test("without a helper it is an error that names the package", async () => {
    const project = ground.project({ name: "helpless", layers: [{ run: "true", network: true }] });
    project.write("nothing", "");
    const nothing = join(project.root, "nothing");
    const files = ["pasta", "slirp4netns"].map((name): [string, string] => [nothing, `/usr/bin/${name}`]);
    const words = elsewhere(tester, files, [ground.program, "build"]);
    const { code, err } = await ground.startAsRoot(words, { cwd: project.root }).outcome;
    expect(code).toBe(1);
    expect(err).toContain("needs pasta, which is not installed\n  apt-get install passt\n");
  });

  test("and a helper that cannot work is told with its remedy, before the command runs", async () => {
    const project = ground.project({ name: "broken", layers: [{ run: "echo ran", network: true }] });
    project.write("nothing", "");
    const tunnel: [string, string] = [join(project.root, "nothing"), "/dev/net/tun"];
    const words = elsewhere(tester, [tunnel], [ground.program, "build"]);
    const env = { DEVENV_DEBUG: "build" };
    const { code, err } = await ground.startAsRoot(words, { cwd: project.root, env }).outcome;
    expect(code).toBe(1);
    expect(err).toContain("error: a build step has no network: ");
    expect(err).toContain("modprobe tun");
    expect(err).not.toMatch(/^ran$/m);
  });

  describe("and gives something else than the lock records", () => {
    let own: Ground;
    let project: Project;
    beforeAll(async () => {
      // What it knows of steps is taken away below.
      own = ground.withOtherStore(["indexes", "blobs"]);
      const layers = [
        { name: "random", run: random, network: true },
        { name: "above", run: "cp /opt/random /opt/copy" },
      ];
      project = own.project({ name: "pinned", layers });
      expect(await project.run(["build"])).toMatchObject({ code: 0 });
    });
    afterAll(() => own.close());

    test("in another store is an error that says so", async () => {
      const [recorded] = layersOf(project);
      const other = ground.withOtherStore(["indexes", "blobs"]);
      const copy = other.project(JSON.parse(project.read("devenv.jsonc")));
      copy.write("devenv.lock", project.read("devenv.lock"));
      for (const words of [["build"], ["up", "--frozen"]]) {
        const { code, err } = await copy.run(words);
        expect(code).toBe(1);
        expect(err).toContain('the step "random" does not give the layer that devenv.lock records\n');
        expect(err).toContain(`  recorded ${recorded?.diffID}\n`);
        expect(err).toContain("  what it gave then is not in this store, so the files cannot be compared\n");
        expect(err).toContain("devenv build --update-layers, and commit devenv.lock.\n");
      }
      expect(copy.read("devenv.lock")).toBe(project.read("devenv.lock"));
      expect(readdirSync(join(other.store, "layers"))).toHaveLength(1);

      const accepted = await copy.run(["build", "--update-layers"]);
      expect(accepted.code).toBe(0);
      expect(layersOf(copy)[0]?.diffID).not.toBe(recorded?.diffID);
      expect(layersOf(copy)[0]?.cacheKey).toBe(recorded?.cacheKey);
      expect(await copy.run(["build", "--frozen"])).toMatchObject({ code: 0 });
      await other.close();
    });

    test("where that layer still is, the files that differ are listed", async () => {
      for (const name of readdirSync(join(own.store, "steps"))) rmSync(join(own.store, "steps", name));
      const { code, err } = await project.run(["build"]);
      expect(code).toBe(1);
      expect(err).toMatch(
        /\n {2}built {4}sha256:\w+\n {2}\/opt\/made-\d+: (added|removed)\n {2}\/opt\/made-\d+: (added|removed)\n {2}\/opt\/random: content\n {2}What/,
      );
    });

    test("what is accepted is recorded; every lock finds its own layers again", async () => {
      const other = own.project({ ...JSON.parse(project.read("devenv.jsonc")), name: "pinned" });
      const first = await other.run(["build"]);
      expect(first.code).toBe(0);
      const before = other.read("devenv.lock");
      const { code, err } = await other.run(["build", "--update-layers"]);
      expect(code).toBe(0);
      expect(err).toContain('step "random": run again, as --update-layers asks\n');
      expect(err).toContain('step "random": gives another layer than the recorded one\n  /opt/made-');
      expect(err).toContain('step "above": what is below it changed\n');
      const after = other.read("devenv.lock");
      expect(after).not.toBe(before);
      for (const lock of [before, after, before]) {
        other.write("devenv.lock", lock);
        expect(await other.run(["build", "--frozen"])).toMatchObject({ code: 0, err: "" });
      }
      expect(await other.run(["build", "--frozen", "--update-layers"])).toMatchObject({ code: 2 });
    });
  });

  test("a command without network that gives something else is refused in the same way", async () => {
    const layers = [{ name: "random", run: random }];
    const one = ground.project({ name: "varies", layers });
    expect(await one.run(["build"])).toMatchObject({ code: 0 });
    const other = ground.withOtherStore(["indexes", "blobs"]);
    const copy = other.project({ name: "varies", layers });
    copy.write("devenv.lock", one.read("devenv.lock"));
    const { code, err } = await copy.run(["build"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining("a time, a random number, an order. Mend that, or\n"),
    });
    await other.close();
  });
});
