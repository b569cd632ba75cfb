import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../src/sandbox/index.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

describe.each(testers())("up of $label", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({ name: "shop", mounts: [{ volume: "cache", target: "~/.cache/tool" }] });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test("locks, builds and starts; a second time there is nothing to do", async () => {
    const fresh = ground.withOtherStore(["indexes", "blobs"]);
    const first = fresh.project({ name: "first" });
    const { code, out, err } = await first.run(["up"]);
    expect({ code, out }).toEqual({ code: 0, out: "first is running\n" });
    const phases = ["resolving linux/", "unpacking the base", "configuring the base", "packing the base"];
    for (const phase of [...phases, "starting first"]) expect(err).toContain(phase);
    const { init } = first;
    const lock = first.read("devenv.lock");
    const again = await first.run(["up"]);
    expect(again).toMatchObject({ code: 0, out: "first is up to date and running\n", err: "" });
    expect({ init: first.init, lock: first.read("devenv.lock") }).toEqual({ init, lock });
    await fresh.close();
  });

  test("the shell stands in the project, or in the directory below it that one came from", async () => {
    project.write("src/deep/file", "text\n");
    expect(await project.run(["shell"], { input: "pwd\n" })).toMatchObject({
      code: 0,
      out: "/workspaces/shop\n",
    });
    const cwd = join(project.root, "src/deep");
    expect(await project.run(["exec", "--", "cat", "file"], { cwd })).toMatchObject({ out: "text\n" });
    expect((await project.run(["shell"], { input: "pwd\n", cwd })).out).toBe("/workspaces/shop/src/deep\n");
  });

  test("outside of a project there is nothing to enter", async () => {
    const cwd = ground.directoryFor("elsewhere");
    for (const words of [["up"], ["shell"], ["exec", "--", "true"], ["down"], ["status"]]) {
      const { code, out, err } = await project.run(words, { cwd });
      expect({ words, code, out }).toEqual({ words, code: 2, out: "" });
      expect(err).toContain(`${cwd}: no devenv.jsonc here or in a directory above\n  \`devenv init\``);
    }
  });

  test("files made inside belong to the developer outside, and the other way round", async () => {
    await project.inside("umask 022; mkdir -p made/below; echo text > made/below/file");
    expect(project.read("made/below/file")).toBe("text\n");
    for (const name of ["made", "made/below", "made/below/file"])
      expect(statSync(join(project.root, name))).toMatchObject({ uid: tester.uid, gid: tester.gid });
    project.write("given", "text\n");
    const { out } = await project.inside(
      "test -O given && id -un && id -gn && echo more >> given; cat given",
    );
    expect(out).toBe("dev\ndev\ntext\nmore\n");
  });

  test("home, volumes and the writable layer survive down; a changed image replaces the last one only", async () => {
    const kept = ground.project({
      name: "kept",
      mounts: [{ volume: "cache", target: "~/.cache/tool" }],
      hooks: { onCreate: "echo created >> log" },
    });
    // The user is nobody's root: what changes the writable layer is a directory that all may write to.
    const write = "echo home > ~/kept; echo volume > ~/.cache/tool/kept; echo layer > /var/tmp/kept";
    const read = "cat ~/kept ~/.cache/tool/kept /var/tmp/kept";
    expect(await kept.inside(write)).toMatchObject({ code: 0 });
    expect(await kept.run(["down"])).toMatchObject({ code: 0, out: "kept stopped\n" });
    expect(await kept.run(["down"])).toMatchObject({ code: 0, out: "kept was not running\n" });
    expect(await kept.inside(read)).toMatchObject({ code: 0, out: "home\nvolume\nlayer\n" });
    expect(kept.read("log")).toBe("created\n");

    expect(await kept.run(["add", "hello"])).toMatchObject({ code: 0 });
    const told = await kept.inside("cat /var/tmp/kept");
    expect(told.out).toBe("layer\n");
    expect(told.err).toContain("changed since the last `devenv up`");
    const { code, err } = await kept.run(["up"]);
    expect(code).toBe(0);
    expect(err).toContain(
      "the image changed: new writable layer, onCreate runs again; home and volumes stay",
    );
    expect(await kept.inside(`${read}; ls /usr/bin/hello`)).toMatchObject({
      code: 0,
      out: "home\nvolume\n/usr/bin/hello\n",
      err: expect.stringContaining("/var/tmp/kept"),
    });
    expect(kept.read("log")).toBe("created\ncreated\n");
  });

  test("rm takes home, volumes and layer with it, and nothing of the project", async () => {
    const removed = ground.project({ name: "removed", mounts: [{ volume: "cache", target: "/cache" }] });
    await removed.inside("touch ~/kept /cache/kept /var/tmp/kept here");
    const { environment, init } = removed;
    expect(await removed.run(["rm"])).toMatchObject({
      code: 0,
      out: "removed removed, with its home and volumes\n",
    });
    expect(() => statSync(environment)).toThrow("ENOENT");
    expect(await isAlive(init)).toBe(false);
    expect(readdirSync(removed.root).sort()).toEqual(["devenv.jsonc", "devenv.lock", "here"]);
    expect(await removed.run(["rm"])).toMatchObject({
      code: 0,
      out: "there is no environment for this project\n",
    });
    expect(await removed.inside("ls -A ~/kept /cache /var/tmp")).toMatchObject({
      out: "/cache:\n\n/var/tmp:\n",
    });
  });

  test("projects with the same base share its layer on disk", async () => {
    const other = ground.project({ name: "other", packages: ["hello"] });
    expect(await other.run(["up"])).toMatchObject({ code: 0 });
    const [base] = project.state.image?.layers ?? [];
    expect(base).toMatch(/^sha256:/);
    expect(other.state.image?.layers).toEqual([base, expect.any(String)]);
    const mounted = (await other.inside("grep ' / / ' /proc/self/mountinfo")).out;
    expect(mounted).toContain("overlay");
    const marker = (await other.inside("stat -c %i /usr/bin/dpkg")).out;
    expect((await project.inside("stat -c %i /usr/bin/dpkg")).out).toBe(marker);
  });

  test("what only a start can change restarts, what the image does not know keeps the layer", async () => {
    const changed = ground.project({ name: "changed" });
    await changed.inside("touch /var/tmp/kept");
    changed.configure({ name: "changed", env: { GREETING: "hello" } });
    const { err } = await changed.run(["up"]);
    expect(err).toContain('changed restarts: "env" changed in devenv.jsonc');
    expect(await changed.inside('echo "$GREETING"; ls /var/tmp')).toMatchObject({ out: "hello\nkept\n" });
    changed.configure({ name: "renamed", env: { GREETING: "hello" } });
    expect((await changed.run(["up"])).err).toContain('changed restarts: "name" changed in devenv.jsonc');
    expect(await changed.inside("pwd; hostname; ls /var/tmp")).toMatchObject({
      out: "/workspaces/renamed\nrenamed\nkept\n",
    });
  });
});
