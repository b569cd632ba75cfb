import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { Ground, type Project } from "../support/ground.ts";

const [tester] = testers();

describe("the archive on the command line", () => {
  let ground: Ground;
  let project: Project;
  beforeAll(async () => {
    if (tester === undefined) throw new Error("nobody to run the tests");
    ground = new Ground(tester);
    project = ground.project({ name: "archive", platforms: ["linux/amd64", "linux/arm64"] });
    expect(await project.run(["add", "git", "libpq-dev"])).toMatchObject({ code: 0 });
  });
  afterAll(() => ground.close());

  test("search finds names first, then descriptions", async () => {
    const { code, out } = await project.run(["search", "libpq"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^NAME +VERSION +PLATFORMS +DESCRIPTION\nlibpq-dev +15\.\S+ +all +header files/);
    const found = JSON.parse((await project.run(["search", "LIBPQ", "--json"])).out) as { name: string }[];
    expect(found.map(({ name }) => name)).toEqual([...new Set(found.map(({ name }) => name))]);
    expect(found.slice(0, 2)).toMatchObject([
      { name: "libpq-dev", platforms: ["linux/amd64", "linux/arm64"] },
      { name: "libpq5" },
    ]);
  });

  test("search shows the version that would be locked", async () => {
    const lock = JSON.parse(project.read("devenv.lock")) as Lock;
    const locked = lock.platforms["linux/amd64"]?.packages.find(({ name }) => name === "libpq-dev");
    const found = JSON.parse((await project.run(["search", "libpq-dev", "--json"])).out) as object[];
    expect(found[0]).toMatchObject({ name: "libpq-dev", version: locked?.version });
  });

  test("search that finds nothing fails and says so", async () => {
    expect(await project.run(["search", "no-such-word"])).toMatchObject({
      code: 1,
      out: "",
      err: "no package of bookworm matches\n",
    });
  });

  test("why shows who asked for a package", async () => {
    const { code, out } = await project.run(["why", "libpq5"]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^libpq5 (\S+), of the packages, linux\/amd64 and linux\/arm64\n {2}libpq-dev \1 \(devenv\.jsonc\)\n {4}libpq5 \1 \(Depends: libpq5 \(= \1\)\)\n$/,
    );
    const [group] = JSON.parse((await project.run(["why", "libc6", "--json"])).out) as object[];
    expect(group).toMatchObject({ reasons: [{ name: "libc6", layer: "base" }] });
  });

  test("why of what is not locked is a wrong use", async () => {
    const { code, err } = await project.run(["why", "gti"]);
    expect({ code, err }).toEqual({
      code: 2,
      err: 'error: devenv.lock has no package "gti"; did you mean "git"?\n  `devenv search WORD` looks for packages that could be added.\n',
    });
  });

  test("update takes what is newer, and leaves a lock alone for which nothing is", async () => {
    const fresh = project.read("devenv.lock");
    const older = fresh.replaceAll(/("name": "git",\n.*\n *"sha256": ")[0-9a-f]+/g, `$1${"0".repeat(64)}`);
    expect(older).not.toBe(fresh);
    project.write("devenv.lock", older.replaceAll(/1:2\.[0-9.]+-0\+deb12u[0-9]+"/g, '0~old"'));
    expect((await project.run(["update", "git"])).out).toContain("changed git 0~old → 1:2.");
    expect(project.read("devenv.lock")).toBe(fresh);
    expect((await project.run(["update"])).out).toBe("nothing newer; devenv.lock is unchanged\n");
    expect((await project.run(["update", "gti"])).err).toContain(
      'holds no package or language "gti"; did you mean "git"?',
    );
  });

  test("add and remove keep the file and lock; what cannot be locked is not added", async () => {
    const text = project.read("devenv.jsonc");
    const lock = project.read("devenv.lock");
    const { code, err } = await project.run(["add", "gti"]);
    expect({ code, file: project.read("devenv.jsonc") }).toEqual({ code: 2, file: text });
    expect(err).toContain('error: bookworm for amd64 has no package "gti"; did you mean git');
    expect(await project.run(["add", "jq"])).toMatchObject({ code: 0 });
    expect(await project.run(["lock", "--check"])).toMatchObject({ code: 0 });
    expect(await project.run(["remove", "jq"])).toMatchObject({ code: 0 });
    expect([project.read("devenv.jsonc"), project.read("devenv.lock")]).toEqual([text, lock]);
  });

  test("an unknown package is told with its place", async () => {
    const other = ground.project({ name: "other", packages: ["git", "gti", "awk"] });
    const { code, err } = await other.run(["up"]);
    expect(code).toBe(2);
    expect(err).toContain(
      `error: ${other.root}/devenv.jsonc:10:5: bookworm for amd64 has no package "awk", but several`,
    );
    expect(err).toContain(
      `${other.root}/devenv.jsonc:9:5: bookworm for amd64 has no package "gti"; did you mean git`,
    );
  });

  test("packages that exclude each other are explained as a chain", async () => {
    const other = ground.project({ name: "other", packages: ["postfix", "exim4-daemon-light"] });
    const { code, err } = await other.run(["lock"]);
    expect(code).toBe(1);
    expect(err).toContain("These packages cannot be installed together: exim4-daemon-light, postfix");
    expect(err).toMatch(/(exim4-daemon-light|postfix) \S+ excludes (exim4-daemon-light|postfix) /);
  });
});
