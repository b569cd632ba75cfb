import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testers } from "../sandbox/host.ts";
import { Ground, Project } from "../support/ground.ts";

const checkout = resolve(import.meta.dirname, "../..");
const examples = join(checkout, "examples");

// What is not built yet in the store of its user is built here and must be what somebody else recorded.
describe.each(testers())("examples of $label", (tester) => {
  let ground: Ground;
  const projects: Project[] = [];
  beforeAll(() => {
    ground = new Ground(tester);
  });
  afterAll(async () => {
    for (const project of projects) await project.run(["rm", "-y"]);
    await ground.close();
  });

  test.each(readdirSync(examples))("%s runs from its committed lock", async (name) => {
    const project = new Project(ground, ground.directoryFor(name));
    projects.push(project);
    const { uid, gid } = tester;
    // Only what is committed: what this checkout left behind beside it must not help.
    const archive = execFileSync("git", ["archive", `HEAD:examples/${name}`], { cwd: checkout });
    execFileSync("tar", ["-x", "--no-same-owner"], { cwd: project.root, input: archive, uid, gid });
    const committed = project.read("devenv.lock");
    expect(await project.run(["up", "--frozen"])).toMatchObject({ code: 0, out: `${name} is running\n` });
    const tests = await project.run(["run", "test"]);
    expect(tests.code, tests.err).toBe(0);
    expect(tests.err).toMatch(/^Ran [1-9][0-9]* tests in .*\n\nOK$/m);
    const verified = await project.run(["verify"]);
    expect(verified.code, verified.out + verified.err).toBe(0);
    expect(project.read("devenv.lock")).toBe(committed);
  });

  test("guestbook does not run on this host as it is", () => {
    const run = () =>
      execFileSync("python3", ["-m", "unittest", "discover", "-s", "tests", "-t", "."], {
        cwd: join(examples, "guestbook"),
        stdio: "pipe",
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
      });
    expect(run).toThrow();
  });
});
