import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type InputTree, readInputs } from "../../src/build/inputs.ts";
import { placeInputs } from "../../src/build/place-inputs.ts";
import { placeScript } from "../../src/build/place-script.ts";
import type { LockedCommand } from "../../src/lock/index.ts";

let above: string;
let root: string;

beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "devenv-inputs-"));
  root = join(above, "project");
  mkdirSync(root);
});
afterEach(() => rmSync(above, { recursive: true }));

function write(name: string, text = name): void {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

async function filesOf(...patterns: string[]): Promise<string[]> {
  const trees = await readInputs(root, patterns, "layers[0]");
  return [...new Set(trees.flatMap(({ files }) => files.map(({ path }) => path)))].sort();
}

async function treeOf(pattern: string): Promise<InputTree> {
  const [tree] = await readInputs(root, [pattern], "layers[0]");
  if (tree === undefined) throw new Error("no tree");
  return tree;
}

const digestOf = async (pattern: string): Promise<string> => (await treeOf(pattern)).digest;

describe("inputs", () => {
  test("are paths, directories and patterns, in one order", async () => {
    for (const name of ["b.c", "a.c", "a.h", "sub/c.c", "sub/deep/d.c", ".hidden/x", "[id]/page"])
      write(name);
    expect(await filesOf("a.c")).toEqual(["a.c"]);
    expect(await filesOf("sub")).toEqual(["sub/c.c", "sub/deep/d.c"]);
    expect(await filesOf("sub/")).toEqual(["sub/c.c", "sub/deep/d.c"]);
    expect(await filesOf("*.c")).toEqual(["a.c", "b.c"]);
    expect(await filesOf("**/*.c")).toEqual(["a.c", "b.c", "sub/c.c", "sub/deep/d.c"]);
    expect(await filesOf("sub/**")).toEqual(["sub/c.c", "sub/deep/d.c"]);
    expect(await filesOf("a.{c,h}", "[ab].c")).toEqual(["a.c", "a.h", "b.c"]);
    expect(await filesOf("**/x")).toEqual([".hidden/x"]);
    expect(await filesOf("[id]/page")).toEqual(["[id]/page"]);
    expect((await treeOf("**/*.c")).files.map(({ path }) => path)).toEqual(await filesOf("**/*.c"));
  });

  test("are known by content, executable bit and target, not by time, mode or place", async () => {
    write("a", "text");
    const before = await digestOf("a");
    utimesSync(join(root, "a"), 1, 1);
    chmodSync(join(root, "a"), 0o600);
    expect(await digestOf("a")).toBe(before);
    chmodSync(join(root, "a"), 0o755);
    const executable = await digestOf("a");
    write("a", "other");
    const changed = await digestOf("a");
    rmSync(join(root, "a"));
    symlinkSync("b", join(root, "a"));
    const link = await digestOf("a");
    rmSync(join(root, "a"));
    symlinkSync("c", join(root, "a"));
    expect(new Set([before, executable, changed, link, await digestOf("a")]).size).toBe(5);
  });

  test("leave out what is ignored, unless it is named", async () => {
    write(".gitignore", "*.log\n/dist\n!keep.log\nsecret/\n");
    write("sub/.gitignore", "!special.log\n/own\n");
    for (const name of [
      "a.log",
      "keep.log",
      "a.c",
      "dist/x",
      "secret/y",
      "sub/special.log",
      "sub/own",
      "sub/b.log",
    ])
      write(name);
    expect(await filesOf("**")).toEqual([
      ".gitignore",
      "a.c",
      "keep.log",
      "sub/.gitignore",
      "sub/special.log",
    ]);
    expect(await filesOf("a.log", "dist", "secret/y")).toEqual(["a.log", "dist/x", "secret/y"]);
    await expect(filesOf("dist/*")).rejects.toMatchObject({ code: "DEVENV_INPUT_MISSING" });
  });

  test("the rules of a repository that the project is only a part of hold as well", async () => {
    writeFileSync(join(above, ".gitignore"), "*.o\nproject/build\n");
    for (const name of ["a.c", "a.o", "build/x"]) write(name);
    expect(await filesOf("**")).toEqual(["a.c", "a.o", "build/x"]);
    mkdirSync(join(above, ".git"));
    expect(await filesOf("**")).toEqual(["a.c"]);
  });

  test("are never what git or devenv keeps", async () => {
    for (const name of [".git/config", "sub/.git/config", "devenv.lock", "sub/devenv.lock", "a"]) write(name);
    expect(await filesOf("**")).toEqual(["a", "sub/devenv.lock"]);
    await expect(filesOf("devenv.lock")).rejects.toThrow("cannot be an input of what it records");
  });

  test("that match nothing are told with their place", async () => {
    write("a");
    for (const pattern of ["b", "*.x", "sub/**"])
      await expect(filesOf("a", pattern)).rejects.toMatchObject({
        code: "DEVENV_INPUT_MISSING",
        about: ["layers[0].inputs[1]"],
        message: `layers[0].inputs[1]: ${JSON.stringify(pattern)} matches no file`,
        usage: true,
      });
  });

  test.each([
    ["an absolute link", "/etc/passwd", "link"],
    ["a link upwards", "../other", "link"],
    ["a link upwards from below", "../../other", "sub/link"],
    ["a link by way of another", "way/other", "link"],
  ])("%s that leads out is refused", async (_, target, name) => {
    writeFileSync(join(above, "other"), "not the project's");
    symlinkSync("..", join(root, "way"));
    write("sub/x");
    symlinkSync(target, join(root, name));
    for (const pattern of [name, `{x,${name}}`])
      await expect(filesOf(pattern)).rejects.toMatchObject({ code: "DEVENV_INPUT_OUTSIDE" });
  });

  test("a path by way of a directory that leads out is refused", async () => {
    mkdirSync(join(above, "elsewhere"));
    writeFileSync(join(above, "elsewhere/x"), "not the project's");
    symlinkSync("../elsewhere", join(root, "way"));
    await expect(filesOf("way/x")).rejects.toMatchObject({ code: "DEVENV_INPUT_OUTSIDE" });
  });

  test("links inside, also to nothing yet, stay links", async () => {
    write("sub/a");
    symlinkSync("../b", join(root, "sub/link"));
    expect((await treeOf("sub/link")).files).toEqual([{ kind: "link", path: "sub/link", target: "../b" }]);
  });

  test("what is no file cannot be read as one; patterns pass it over", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    write("a");
    await expect(filesOf("pipe")).rejects.toMatchObject({ code: "DEVENV_INPUT_UNREADABLE" });
    expect(await filesOf("*")).toEqual(["a"]);
  });
});

describe("copies of inputs", () => {
  async function commandOf(...patterns: string[]): Promise<LockedCommand> {
    const trees = await readInputs(root, patterns, "layers[0]");
    const inputs = Object.fromEntries(trees.map(({ digest, pattern }) => [pattern, digest]));
    return { name: "tool", run: "true", inputs, env: {} };
  }
  const place = (command: LockedCommand) => {
    const target = join(above, "target");
    mkdirSync(target, { recursive: true });
    return placeInputs(command, { root, target, epoch: 1_700_000_000, place: "layers[0]" });
  };

  test("have the same mode and time for everyone", async () => {
    write("a", "text");
    write("sub/deep/run", "#!/bin/sh");
    chmodSync(join(root, "a"), 0o640);
    chmodSync(join(root, "sub/deep/run"), 0o775);
    symlinkSync("a", join(root, "link"));
    const files = await place(await commandOf("**", "a"));
    expect(files.map(({ path }) => path)).toEqual(["a", "link", "sub/deep/run"]);
    const modeOf = (name: string) => (lstatSync(join(above, "target", name)).mode & 0o777).toString(8);
    expect([modeOf("a"), modeOf("sub/deep/run")]).toEqual(["644", "755"]);
    expect(readlinkSync(join(above, "target/link"))).toBe("a");
    for (const name of ["a", "link", "sub/deep/run"])
      expect(lstatSync(join(above, "target", name)).mtimeMs).toBe(1_700_000_000_000);
  });

  test("are not made of files that changed since they were locked", async () => {
    write("a");
    const command = await commandOf("a");
    write("a", "changed");
    await expect(place(command)).rejects.toMatchObject({
      code: "DEVENV_INPUT_CHANGED",
      message: expect.stringMatching(/^step "tool": a is not what it was/),
    });
  });

  test("are laid out by a shell, whatever they are called", async () => {
    const names = ["a b", "it's", "$(touch evil)", "-rf", "sub dir/x\ny", "sub dir/*"];
    for (const name of names) write(name);
    const files = await place(await commandOf("**"));
    const copy = join(above, "copy");
    mkdirSync(copy);
    const script = placeScript(files, join(above, "target"), 1_700_000_000).join("\n");
    execFileSync("/bin/sh", ["-euc", script.replace("chown -hR 0:0 .", ":")], {
      cwd: copy,
      env: { ...process.env, TZ: "UTC" },
    });
    for (const name of names) expect(readFileSync(join(copy, name), "utf8")).toBe(name);
    expect(existsSync(join(copy, "evil"))).toBe(false);
    for (const name of [".", "sub dir", "it's"])
      expect(lstatSync(join(copy, name)).mtimeMs).toBe(1_700_000_000_000);
  });

  test("of many files take few commands", () => {
    const files = Array.from({ length: 250 }, (_, i) => {
      return { kind: "link", path: `d/${1000 + i}`, target: "x" } as const;
    });
    expect(placeScript(files, "/in", 0).filter((line) => line.startsWith("cp "))).toHaveLength(3);
    expect(placeScript([], "/in", 0)).toEqual([]);
  });
});
