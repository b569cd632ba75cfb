import { createHash } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Step } from "../../src/build/plan.ts";
import { runScript } from "../../src/build/script-run.ts";
import { buildStep } from "../../src/build/step.ts";
import type { Digest } from "../../src/lock/index.ts";
import { removePaths } from "../../src/sandbox/index.ts";
import { openStore } from "../../src/store/index.ts";
import type { Bench } from "./bench.ts";
import { dockerSide } from "./docker.ts";
import { command, median, type OpenComparisons, type Side, timeOf } from "./measure.ts";
import { type Tools, toolsImage } from "./tools.ts";

export const stepMeasures = {
  sandbox: "overhead of a build step: its sandbox",
  whole: "overhead of a build step: layer packed and on disk",
};

/** What a step that does nothing takes more than the same command outside. */
export async function openStepComparisons(bench: Bench, tools: Tools): Promise<OpenComparisons> {
  const docker = await tools.docker();
  const store = await openStore(bench.store);
  const below = tools.layers as Digest[];
  const inSandbox = async (): Promise<number> => {
    const place = await mkdtemp(join(store.root, "tmp/bench-"));
    const [layer, scratch] = [join(place, "layer"), join(place, "scratch")];
    for (const path of [layer, ...["empty", "packages", "work"].map((name) => join(scratch, name))])
      await mkdir(path, { recursive: true, mode: 0o755 });
    const workplace = { layer: relative(store.root, layer), scratch: relative(store.root, scratch) };
    const start = performance.now();
    await runScript(store, nothing(), below, workplace, undefined);
    const time = performance.now() - start;
    await removePaths(store.root, [relative(store.root, place)]);
    return time - bare();
  };
  const whole = async (): Promise<number> => {
    command(["sync"]);
    const start = performance.now();
    await buildStep(store, nothing(), below, { mirrors: { debian: [], "debian-security": [] } });
    const time = performance.now() - start;
    return time - bare();
  };
  const dockerBuild = await buildWithDocker(bench, docker);
  const rounds = 20;
  return {
    comparisons: [
      {
        measure: stepMeasures.sandbox,
        aim: 30,
        rounds,
        ours: { name: "sandbox of a step", read: inSandbox },
        peers: [],
      },
      {
        measure: stepMeasures.whole,
        rounds,
        ours: { name: "step", read: whole },
        peers: [{ side: dockerBuild }],
      },
    ],
  };
}

let steps = 0;

/** Another one each time, for what is built already is not built again. */
function nothing(): Step {
  steps += 1;
  return {
    name: "toolchains",
    packages: [],
    links: [],
    epoch: 0,
    script: "true\n",
    environment: { PATH: "/usr/bin:/bin" },
    cacheKey: `sha256:${createHash("sha256").update(String(steps)).digest("hex")}`,
  };
}

/** The command itself, of which what a program takes that is started from here is part. */
function bare(): number {
  return median(Array.from({ length: 5 }, () => timeOf(() => command(["/bin/sh", "-c", "true"]))));
}

/** What RUN takes more than a build without it. */
async function buildWithDocker(bench: Bench, docker: Awaited<ReturnType<Tools["docker"]>>): Promise<Side> {
  const context = join(bench.directory, "docker-build");
  await mkdir(context);
  await writeFile(join(context, "with"), `FROM ${toolsImage}\nRUN true\n`);
  await writeFile(join(context, "without"), `FROM ${toolsImage}\n`);
  return dockerSide(docker, "docker build, RUN true", ({ run }) => {
    const build = (file: string): void =>
      run("build", "--quiet", "--no-cache", "--network", "none", "--file", join(context, file), context);
    return {
      name: "docker build, RUN true",
      read: () => {
        command(["sync"]);
        return timeOf(() => build("with")) - timeOf(() => build("without"));
      },
    };
  });
}
