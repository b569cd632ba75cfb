import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { openMirror } from "../support/mirror.ts";

/** Nobody listens there. */
const unreachable = {
  DEVENV_DEBIAN_MIRROR: "http://127.0.0.1:1/debian",
  DEVENV_DEBIAN_SECURITY_MIRROR: "http://127.0.0.1:1/debian-security",
};
const otherPlatform = platform === "linux/amd64" ? "linux/arm64" : "linux/amd64";

describe.each(testers())("devenv of $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({ name: "sound" });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test.each([
    [["frobnicate"], 'there is no command "frobnicate"'],
    [["shel"], 'there is no command "shel"; did you mean "shell"?'],
    [["up", "--frosen"], "--frosen"],
    [["up", "now"], "now"],
    [["exec"], "CMD"],
    [["run"], "TASK"],
    [["rm", "a", "b"], "b"],
  ])("a wrong use is told with exit code 2: %j", async (words, reason) => {
    const { code, out, err } = await project.run(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^error: /);
    expect(err).toContain(reason);
    expect(err).not.toMatch(/^ +at /m);
  });

  test("every mistake of a configuration is told with its place, whatever the command", async () => {
    const wrong = ground.project({ name: "wrong" });
    wrong.write(
      "devenv.jsonc",
      '{\n  "name": "Wrong",\n  "bsae": "x",\n  "limits": { "memory": "4GB" },\n  "services": {}\n}\n',
    );
    for (const words of [["up"], ["shell"], ["lock"], ["build"], ["status"]]) {
      const { code, out, err } = await wrong.run(words);
      expect({ words, code, out }).toEqual({ words, code: 2, out: "" });
      const file = `${wrong.root}/devenv.jsonc`;
      for (const place of ["2:11", "3:3", "4:25", "5:15"]) expect(err).toContain(`${file}:${place}`);
      expect(err).toMatch(/services.*not supported yet/);
      expect(err).toContain('did you mean "base"?');
    }
  });

  test.each([
    ["services", {}],
    ["cache", "ghcr.io/acme/cache"],
  ])("what is not built yet is refused by name: %s", async (key, value) => {
    const { code, err } = await ground.project({ name: "early", [key]: value }).run(["up"]);
    expect(code).toBe(2);
    expect(err).toMatch(new RegExp(`devenv\\.jsonc:\\d+:\\d+: .*${key}.*not supported yet`));
  });

  test("a package that does not exist is told with its place and its neighbour", async () => {
    const typo = ground.project({ name: "typo", packages: ["helo", "hello"] });
    const { code, out, err } = await typo.run(["up"]);
    expect([1, 2]).toContain(code);
    expect(out).toBe("");
    expect(err).toMatch(/devenv\.jsonc:\d+:\d+.*helo/);
    expect(() => typo.read("devenv.lock")).toThrow("ENOENT");
  });

  test("--frozen and lock --check fail on a lock that does not fit, and say what does not", async () => {
    const stale = ground.project({ name: "stale" });
    expect((await stale.run(["up", "--frozen"])).err).toContain("there is none");
    expect(await stale.run(["lock"])).toMatchObject({ code: 0 });
    const lock = stale.read("devenv.lock");
    stale.configure({ name: "stale", packages: ["hello"] });
    for (const words of [
      ["up", "--frozen"],
      ["build", "--frozen"],
      ["lock", "--check"],
    ]) {
      const { code, out, err } = await stale.run(words);
      expect({ words, code, out }).toEqual({ words, code: 1, out: "" });
      expect(err).toContain("devenv.lock: does not fit devenv.jsonc\n  ");
      expect(err).toContain("package hello is not locked");
      expect(err).toContain("Run `devenv lock` and commit devenv.lock.");
    }
    expect(stale.read("devenv.lock")).toBe(lock);
  });

  test("--frozen fails when the image is another than the one recorded, and starts nothing", async () => {
    const other = ground.project({ name: "other" });
    await other.run(["build"]);
    const text = other.read("devenv.lock");
    const digest = (JSON.parse(text) as Lock).platforms[platform as "linux/amd64"]?.image?.digest ?? "";
    const recorded = `sha256:${"0".repeat(64)}`;
    other.write("devenv.lock", text.replace(digest, recorded));
    const { code, out, err } = await other.run(["up", "--frozen"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`recorded ${recorded}`);
    expect(err).toContain(`built    ${digest}`);
    expect((await other.run(["status"])).out).toMatch(/^state +absent$/m);
    const repaired = await other.run(["up"]);
    expect(repaired).toMatchObject({ code: 0, out: "other is running\n" });
    expect(repaired.err).toContain("the image differs from the recorded one");
    expect(other.read("devenv.lock")).toBe(text);
  });

  test("a configuration without this host's platform locks, and does not start", async () => {
    const foreign = ground.project({ name: "foreign", platforms: [otherPlatform] });
    const { code, out, err } = await foreign.run(["up"]);
    expect({ code: code === 1 || code === 2, out }).toEqual({ code: true, out: "" });
    expect(err).toContain(`"platforms" has ${otherPlatform}, this host is ${platform}`);
    expect(err).toContain(`Add "${platform}" to "platforms"`);
    expect(await foreign.run(["lock"])).toMatchObject({ code: 0 });
  });

  test("a built image starts without any network; what is missing names the mirror", async () => {
    const mirror = await openMirror(project);
    try {
      await project.run(["rm"]);
      expect(await project.run(["up"], { env: mirror.env })).toMatchObject({ code: 0 });
      expect(mirror.asked).toEqual([]);
    } finally {
      await mirror.close();
    }
    const second = ground.project({ name: "second" });
    expect(await second.run(["up"], { env: unreachable })).toMatchObject({
      code: 0,
      out: "second is running\n",
    });
    const { code, out, err } = await second.run(["update"], { env: unreachable });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^error: .*127\.0\.0\.1:1/m);
    const fresh = ground.withOtherStore(["indexes"]);
    const third = fresh.project({ name: "third" });
    const failed = await third.run(["up"], { env: unreachable });
    expect(failed).toMatchObject({ code: 1, out: "" });
    expect(failed.err).toMatch(/^error: .*: cannot be downloaded\n +http:\/\/127\.0\.0\.1:1\//m);
    expect(failed.err).toContain("Check the network, or set another mirror.");
    expect(failed.err).not.toContain("devenv itself failed");
  });
});
