import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, devenv, withProgram } from "./bench.ts";
import { type Docker, dockerSide } from "./docker.ts";
import { command, type OpenComparisons, type Side } from "./measure.ts";
import { type Tools, toolsImage, up } from "./tools.ts";

export const startMeasures = {
  host: "a command in a stopped environment, the host's network",
  private: "a command in a stopped environment, a network of its own",
};

/** Environments that are started for one command. The network's share is what the second takes more than the first. */
export async function openStartComparisons(bench: Bench, tools: Tools): Promise<OpenComparisons> {
  const docker = await tools.docker();
  const shared = tools.project("stopped-host");
  const apart = tools.project("stopped-private", { network: "private" });
  up(bench, shared);
  up(bench, apart);
  const start = (project: string): Side => ({
    name: "devenv shell -- true",
    prepare: () => devenv(bench, project, "down"),
    run: () => devenv(bench, project, "shell", "--", "true"),
  });
  return {
    comparisons: [
      {
        measure: startMeasures.host,
        rounds: 20,
        ours: start(shared),
        peers: [
          { side: runc(bench, tools, "host"), aim: 1 },
          { side: dockerRun(docker, "--network", "host") },
        ],
      },
      {
        measure: startMeasures.private,
        rounds: 20,
        ours: start(apart),
        peers: [{ side: runc(bench, tools, "private") }, { side: dockerRun(docker) }],
      },
    ],
    close: () => {
      for (const project of [shared, apart]) devenv(bench, project, "down");
      if (typeof docker !== "string") docker.removeAll();
    },
  };
}

/** The image's files with runc's own defaults; in a network of its own there is nothing but an unused loopback. */
function runc(bench: Bench, tools: Tools, network: "host" | "private"): Side {
  const name = network === "host" ? "runc run true" : "runc run true, no way out of its network";
  const bundle = join(bench.directory, `runc-${network}`);
  const state = join(bundle, "state");
  const prepared = withProgram("runc", "runc", {
    name,
    run: () => command(["runc", "--root", state, "run", "--bundle", bundle, `bench-${network}`]),
  });
  if (typeof prepared === "string") return prepared;
  mkdirSync(bundle);
  command(["runc", "spec", "--bundle", bundle, ...(process.getuid?.() === 0 ? [] : ["--rootless"])]);
  const file = join(bundle, "config.json");
  const spec = JSON.parse(readFileSync(file, "utf8"));
  spec.process.terminal = false;
  spec.process.args = ["true"];
  spec.root.path = tools.root;
  if (network === "host")
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }: { type: string }) => type !== "network");
  writeFileSync(file, JSON.stringify(spec));
  return prepared;
}

function dockerRun(docker: Docker | string, ...options: string[]): Side {
  const name = ["docker run --rm", ...options, "true"].join(" ");
  return dockerSide(docker, name, (daemon) => ({
    name,
    run: () => daemon.run("run", "--rm", ...options, toolsImage, "true"),
  }));
}
