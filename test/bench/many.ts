import { type Bench, devenv } from "./bench.ts";
import { dockerSide } from "./docker.ts";
import type { OpenComparisons } from "./measure.ts";
import { type Tools, toolsImage, up } from "./tools.ts";

export const manyMeasures = { start: "environments started one after the other" };

/** `count` environments, of which none ends before all run, beside as many containers. */
export async function openManyComparisons(
  bench: Bench,
  tools: Tools,
  count: number,
): Promise<OpenComparisons> {
  const docker = await tools.docker();
  const projects: string[] = [];
  const rounds = Math.min(10, Math.floor(count / 2));
  return {
    comparisons: [
      {
        measure: `${count} ${manyMeasures.start}`,
        rounds: count,
        ends: { rounds, growth: 1.1 },
        ours: {
          name: "devenv up",
          prepare: () => void projects.push(tools.project(`many-${projects.length}`)),
          run: () => up(bench, projects.at(-1) ?? ""),
        },
        peers: [
          {
            side: dockerSide(docker, "docker run --detach", (daemon) => ({
              name: "docker run --detach",
              run: () => daemon.run("run", "--detach", "--network", "none", toolsImage, "sleep", "infinity"),
            })),
          },
        ],
      },
    ],
    close: () => {
      for (const project of projects) devenv(bench, project, "down");
      if (typeof docker !== "string") docker.removeAll();
    },
  };
}
