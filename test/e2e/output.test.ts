import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnvironmentSummary } from "../../src/environment/list.ts";
import type { EnvironmentStatus } from "../../src/environment/status.ts";
import type { LockedLayer } from "../../src/lock/types.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project, platform } from "../support/ground.ts";

describe.each(testers())("what devenv prints for $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({
      name: "printed",
      limits: { pids: 300 },
      mounts: [{ volume: "cache", target: "~/.cache" }],
    });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  async function json<T>(...words: string[]): Promise<T> {
    const { code, out } = await project.run([...words, "--json"]);
    expect(code).toBe(0);
    return JSON.parse(out) as T;
  }

  test("status has in its table what it has as JSON", async () => {
    const status = await json<EnvironmentStatus>("status");
    expect(status).toMatchObject({
      name: "printed",
      project: project.root,
      state: "running",
      pid: project.init.pid,
      isCurrent: true,
      isComplete: true,
      isLocked: true,
      limits: [{ limit: "pids", value: 300, used: expect.any(Number) }],
    });
    const { out } = await project.run(["status"]);
    expect(out).toContain(`running since ${status.started}, process ${status.pid}\n`);
    expect(out).toContain(`image    ${status.image}\n`);
    for (const { source, target } of status.mounts) expect(out).toContain(`${target} from ${source}\n`);
    expect(status.mounts.map(({ target }) => target)).toEqual([
      "/workspaces/printed",
      "/home/dev",
      "/home/dev/.cache",
    ]);
  });

  test("ps has in its table what it has as JSON", async () => {
    const listed = await json<EnvironmentSummary[]>("ps");
    const own = listed.find((item) => item.project === project.root);
    expect(own).toMatchObject({ name: "printed", isRunning: true, isGone: false, pid: project.init.pid });
    const { out } = await project.run(["ps"]);
    expect(out).toMatch(new RegExp(`^${own?.id} +running +${own?.pid} +${project.root}$`, "m"));
    expect(out).toMatch(/^ID +STATE +PID +PROJECT$/m);
  });

  test("build and lock say the same as JSON", async () => {
    const built = await json<{ platform: string; digest: string; layers: LockedLayer[] }>("build");
    expect(built).toMatchObject({ platform, layers: [{ step: "base" }] });
    expect((await project.run(["build"])).out).toBe(`${platform} ${built.digest}\n`);
    expect(project.state.image?.layers).toEqual(built.layers.map(({ diffID }) => diffID));
    expect(await json("lock")).toEqual({ changes: [] });
    expect((await project.run(["lock"])).out).toBe("devenv.lock fits devenv.jsonc; nothing to do\n");
    const other = ground.project({ name: "other", packages: ["hello"] });
    const { out } = await other.run(["lock", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ changes: [expect.stringContaining(platform)] });
  });

  test("progress is plain lines beside the command's own output", async () => {
    await project.run(["down"]);
    project.touch();
    const { out, err } = await project.run(["exec", "--", "echo", "own"]);
    expect(out).toBe("own\n");
    expect(err).toMatch(/^starting printed$/m);
    for (const control of ["\u001b", "\r"]) expect(err).not.toContain(control);
  });

  test("a shell that is stopped starts with its input untouched", async () => {
    await project.run(["down"]);
    const { code, out } = await project.run(["shell"], { input: "echo typed; exit 5\n" });
    expect({ code, out }).toEqual({ code: 5, out: "typed\n" });
  });
});
