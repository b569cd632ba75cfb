import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

/** What Node read of the program for one command. */
interface Loaded {
  /** Packages of other people, by name, sorted. */
  readonly packages: readonly string[];
  /** Our own source files, from the top of the tree, sorted. */
  readonly sources: readonly string[];
}

// An ordinary user: nothing here depends on who it is.
describe.each(testers().slice(-1))("a command loads what it needs and nothing else", (tester) => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    ground = new Ground(tester);
    project = ground.project({ name: "loaded", tasks: { greet: "true" } });
    expect(await project.run(["up"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  /** Runs the program on Node itself, whatever the launcher could have done alone. */
  async function load(words: readonly string[], code = 0): Promise<Loaded> {
    const coverage = ground.directoryFor("coverage");
    const command = ["node", join(dirname(ground.program), "devenv.mjs"), ...words];
    const env = { NODE_V8_COVERAGE: coverage };
    const outcome = await ground.start(command, { cwd: project.root, env }).outcome;
    expect(outcome).toMatchObject({ code });
    return loadedOf(coverage);
  }

  test.each(["--version", "-v"])("%s loads not even the commands", async (word) => {
    expect(await load([word])).toEqual({ packages: [], sources: ["src/cli/main.ts", "src/cli/version.ts"] });
  });

  test.each([
    { line: "--help", code: 0 },
    { line: "up --help", code: 0 },
    { line: "nonsense", code: 2 },
  ])("$line looks at the commands alone", async ({ line, code }) => {
    const { packages, sources } = await load(line.split(" "), code);
    expect(packages).toEqual(["clipanion"]);
    expect(sources).not.toContainEqual(expect.stringMatching(/^src\/(?!cli\/|config\/|errors\.ts)/));
  });

  test.each(["up", "exec -- true", "ps", "doctor"])("%s looks at states alone", async (line) => {
    expect((await load(line.split(" "))).packages).toEqual(["clipanion"]);
  });

  test.each(["status", "run greet", "lock", "lock --check"])("%s reads the configuration", async (line) => {
    expect((await load(line.split(" "))).packages).toEqual(["clipanion", "jsonc-parser"]);
  });

  test("down and a new start go without everything that resolves, fetches and builds", async () => {
    expect((await load(["down"])).packages).toEqual(["clipanion"]);
    expect((await load(["up"])).packages).toEqual(["clipanion", "jsonc-parser"]);
    expect((await load(["build"])).packages).toEqual(["clipanion", "jsonc-parser"]);
  });

  test("update asks the archive and resolves", async () => {
    expect((await load(["update"])).packages).toEqual(expect.arrayContaining(["semver", "undici"]));
  });
});

/** From the scripts that V8 had, and the names of the files that the bundler wrote into them. */
function loadedOf(coverage: string): Loaded {
  const urls = readdirSync(coverage).flatMap((name) => {
    const { result }: { result: readonly { readonly url: string }[] } = JSON.parse(
      readFileSync(join(coverage, name), "utf8"),
    );
    return result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
  });
  const parts = [...new Set(urls)].flatMap((url) =>
    [...readFileSync(fileURLToPath(url), "utf8").matchAll(/^\s*\/\/ ((?:node_modules|src)\/\S+)$/gm)].map(
      ([, file = ""]) => file,
    ),
  );
  const packageOf = (file: string): string => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? "";
  return {
    packages: [...new Set(parts.map(packageOf).filter((name) => name !== ""))].sort(),
    sources: parts.filter((file) => file.startsWith("src/")).sort(),
  };
}
