import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedLayer, LockedPlatform, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Project, platform } from "../support/ground.ts";

function lockedOf(project: Project): LockedPlatform {
  const lock = JSON.parse(project.read("devenv.lock")) as Lock;
  const locked = lock.platforms[platform as Platform];
  if (locked === undefined) throw new Error("not locked");
  return locked;
}

function layersOf(project: Project): readonly LockedLayer[] {
  return (lockedOf(project).image?.layers ?? []).filter(({ step }) => step === "layer");
}

/** A file of a project's layer in the store. */
function layerFile(project: Project, index: number, name: string): string {
  const { diffID } = layersOf(project)[index] ?? { diffID: "" };
  return readFileSync(join(project.ground.store, "layers", diffID.replace("sha256:", ""), name), "utf8");
}

/** What is in a directory and all below it. */
function everythingIn(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort();
}

describe.each(testers())("layers of $label", (tester) => {
  let ground: Ground;
  beforeAll(() => {
    ground = new Ground(tester);
  });
  afterAll(() => ground.close());

  async function builtProject(name: string, layers: readonly object[], files: Record<string, string> = {}) {
    const project = ground.project({ name, layers });
    for (const [file, content] of Object.entries(files)) project.write(file, content);
    expect(await project.run(["build"])).toMatchObject({ code: 0 });
    return project;
  }

  test("see their inputs, and nothing else of the project, the user and the host", async () => {
    const look = [
      "{ pwd; id -u; hostname; umask; ls -lAR --time-style=+%s . | grep -v total; cat src/tool",
      "  echo $OWN $HOME; env | grep -c FOREIGN || true; tail -n +3 /proc/net/dev | wc -l; ls /home /root /tmp",
      "  cat /etc/hosts; ls /run; } >/usr/local/seen",
    ].join("\n");
    const layer = { run: look, inputs: ["words", "src/**"], env: { OWN: "own" } };
    const wish = { name: "looks", layers: [layer], env: { FOREIGN: "foreign" } };
    const project = ground.project(wish);
    for (const name of ["words", "src/tool", "other", ".env"]) project.write(name, `${name}\n`);
    chmodSync(join(project.root, "src/tool"), 0o700);
    expect(await project.run(["build"], { env: { FOREIGN: "host" } })).toMatchObject({ code: 0 });
    const { epoch } = lockedOf(project);
    const entry = (mode: string, size: number, name: string) =>
      expect.stringMatching(new RegExp(`^${mode} 1 root root +${size} ${epoch} ${name}$`));
    expect(layerFile(project, 0, "usr/local/seen").trimEnd().split("\n")).toEqual([
      ...["/workspaces/looks", "0", "devenv", "0022", ".:"],
      expect.stringMatching(new RegExp(`^drwxr-xr-x 2 root root +\\d+ ${epoch} src$`)),
      entry("-rw-r--r--", 6, "words"),
      ...["", "./src:", entry("-rwxr-xr-x", 9, "tool"), "src/tool"],
      ...["own /root", "0", "1", "/home:", "", "/root:", "", "/tmp:"],
      ...["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"],
      ...["devenv-command", "devenv-inputs", "devenv-step"],
    ]);
  });

  test("are what a command changes outside of the project, its home and what is temporary", async () => {
    const run = [
      "for place in /usr/local /opt /etc /srv . ~ /tmp /var/tmp /run /var/log/apt; do mkdir -p $place; echo x >$place/made; done",
      "rm /etc/debian_version",
      "echo more >>words",
      "sleep 1000 & echo $! >/opt/pid",
    ].join("\n");
    const project = await builtProject("changes", [{ run, inputs: ["words"] }], { words: "words\n" });
    const [layer] = layersOf(project);
    const root = join(ground.store, "layers", layer?.diffID.slice(-64) ?? "");
    // Whoever built it is somebody else elsewhere.
    expect(statSync(root).uid).not.toBe(tester.uid);
    expect(everythingIn(root)).toEqual([
      "etc",
      "etc/debian_version",
      "etc/made",
      "opt",
      "opt/made",
      "opt/pid",
      "srv",
      "srv/made",
      "usr",
      "usr/local",
      "usr/local/made",
      "var",
      "var/log",
      "var/log/apt",
      "var/log/apt/made",
      "var/tmp",
    ]);
    expect(project.read("words")).toBe("words\n");
    expect(
      await project.inside("cat /opt/made; ls /etc/debian_version; cat /etc/motd | wc -l"),
    ).toMatchObject({
      out: expect.stringMatching(/^x\n/),
      err: expect.stringContaining("/etc/debian_version"),
    });
  });

  test("are built from the first that changed on, and it is said why", async () => {
    const layers = [
      { name: "first", run: "cp a /usr/local/a", inputs: ["a"] },
      { name: "second", run: "cat sub/* >/usr/local/b", inputs: ["sub/**"], env: { A: "1" } },
      { name: "third", run: "cat /usr/local/? >/usr/local/all" },
    ];
    const files = { a: "a", "sub/1": "1", "sub/2": "2" };
    const project = await builtProject("chain", layers, files);
    const before = layersOf(project);
    expect(before.map(({ name }) => name)).toEqual(["first", "second", "third"]);
    expect((await project.run(["build"])).err).toBe("");

    project.write("sub/2", "two");
    project.write("sub/3", "three");
    rmSync(join(project.root, "sub/1"));
    const stale = await project.run(["build", "--frozen"]);
    const reason = 'step "second": inputs changed: sub/1 (gone), sub/2, sub/3 (new)';
    expect(stale).toMatchObject({
      code: 1,
      err: expect.stringContaining(`does not fit devenv.jsonc\n  ${reason}\n`),
    });
    expect(await project.run(["lock", "--check"])).toEqual(stale);
    const changed = await project.run(["build"]);
    expect(changed.err).toBe(
      [
        reason,
        'running the step "second"',
        'packing the step "second"',
        'step "third": what is below it changed',
        'running the step "third"',
        'packing the step "third"',
        "",
      ].join("\n"),
    );
    expect(layersOf(project)[0]).toEqual(before[0]);
    expect(layerFile(project, 2, "usr/local/all")).toBe("atwothree");

    const [first, second, third] = layers;
    project.configure({ name: "chain", layers: [first, { ...second, env: { A: "2", B: "3" } }, third] });
    expect((await project.run(["lock"])).out).toBe('step "second": environment changed: A, B\n');
    // What the commands of others decide stays, and so does what is below.
    expect(lockedOf(project).image).toBeUndefined();
    expect(lockedOf(project).built?.map(({ name, step }) => name ?? step)).toEqual(["base", "first"]);
    expect((await project.run(["build"])).err).toMatch(/^step "second": environment changed: A, B\n/);
    expect(lockedOf(project).built).toBeUndefined();

    project.configure({ name: "chain", layers: [{ ...first, run: "cp a /usr/local/a " }, second, third] });
    // The result is the same, and so is everything on top of it.
    expect((await project.run(["build"])).err).toBe(
      'step "first": command changed\nrunning the step "first"\npacking the step "first"\n',
    );
    project.configure({ name: "chain", layers: [first] });
    expect((await project.run(["build"])).err).toBe(
      'devenv.lock: step "second": removed\ndevenv.lock: step "third": removed\n',
    );
  });

  test("do not have packages resolved again when they change", async () => {
    const project = await builtProject("resolved", [{ run: "echo 1 >/opt/1" }]);
    project.configure({ name: "resolved", layers: [{ run: "echo 2 >/opt/1" }] });
    const env = { DEVENV_DEBIAN_MIRROR: "http://127.0.0.1:9/debian" };
    const { code, err } = await project.run(["build"], { env });
    expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining("resolving") });
  });

  test("of the same lock are the same in another store, time zone and language", async () => {
    const layers = [{ run: "cp -a . /opt/copy; date -d @0 >/opt/time; ls -U >/opt/order", inputs: ["**"] }];
    const files = { a: "a", "b/c": "c", d: "d" };
    const one = await builtProject("same", layers, files);
    const fresh = ground.withOtherStore(["indexes", "blobs"]);
    const other = fresh.project({ name: "same", layers });
    for (const [name, content] of Object.entries(files)) other.write(name, content);
    other.write("devenv.lock", one.read("devenv.lock"));
    expect(
      await other.run(["build", "--frozen"], { env: { TZ: "Asia/Tokyo", LC_ALL: "tr_TR" } }),
    ).toMatchObject({
      code: 0,
    });
    await fresh.close();
  });

  test("inputs that are missing or lead out of the project are told with their place", async () => {
    const project = ground.project({ name: "wrong", layers: [{ run: "true", inputs: ["*.txt"] }] });
    const place = `${project.root}/devenv.jsonc:11:9: layers[0].inputs[0]: `;
    for (const words of [["build"], ["up"], ["lock"]])
      expect(await project.run(words)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`error: ${place}"*.txt" matches no file\n`),
      });
    symlinkSync("/etc/passwd", join(project.root, "words.txt"));
    expect(await project.run(["build"])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`error: ${place}words.txt is a link to /etc/passwd, out of the project\n`),
    });
  });

  describe("given away", () => {
    let registry: DockerRegistry;
    beforeAll(async () => {
      registry = await startDockerRegistry();
    });
    afterAll(() => registry.stop());

    test("are in what is exported and pushed, and pulled for exactly their lock", async () => {
      const layers = [{ name: "the tool", run: "cp tool /usr/local/bin/", inputs: ["tool"] }];
      const project = await builtProject("given", layers, { tool: "#!/bin/sh\necho works\n" });
      const output = join(project.root, "image");
      expect(await project.run(["export", "--format", "oci", "--output", output])).toMatchObject({ code: 0 });
      const blobs = join(output, "blobs/sha256");
      const [layer] = layersOf(project);
      expect(existsSync(join(blobs, layer?.diffID.slice(-64) ?? ""))).toBe(true);
      const texts = readdirSync(blobs).map((name) => readFileSync(join(blobs, name), "latin1"));
      expect(texts.join("\n")).toContain('devenv step layer \\"the tool\\"');

      const reference = `${registry.name}/acme/given:1`;
      expect(await project.run(["push", reference])).toMatchObject({ code: 0 });
      const elsewhere = ground.withOtherStore([]);
      const other = elsewhere.project({ name: "given", layers });
      mkdirSync(dirname(join(other.root, "tool")), { recursive: true });
      other.write("tool", "#!/bin/sh\necho other\n");
      other.write("devenv.lock", project.read("devenv.lock"));
      expect(await other.run(["pull", reference])).toMatchObject({
        code: 1,
        err: expect.stringContaining('step "the tool": inputs changed: tool\n'),
      });
      other.write("tool", project.read("tool"));
      const env = { DEVENV_DEBIAN_MIRROR: "http://127.0.0.1:9/debian" };
      expect(await other.run(["pull", reference], { env })).toMatchObject({ code: 0 });
      expect(await other.run(["up", "--frozen"], { env })).toMatchObject({
        code: 0,
        err: expect.not.stringContaining("running the step"),
      });
      await elsewhere.close();
    });
  });
});
