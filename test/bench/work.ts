import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Bench, devenv } from "./bench.ts";
import { dockerSide } from "./docker.ts";
import { type Comparison, command, type OpenComparisons, outputOf, type Side } from "./measure.ts";
import { type Tools, toolsImage, up } from "./tools.ts";
import { makePackages, makeSources, makeTree } from "./work-files.ts";

const works = {
  status: {
    measure: "on the project mount: git status in 20,000 files, 10 times",
    directory: "tree",
    script: "for i in 0 1 2 3 4 5 6 7 8 9; do git status; done",
  },
  install: {
    measure: "on the project mount: npm ci of 60 packages from files",
    directory: "packages",
    script: "npm ci --offline --no-audit --no-fund --no-update-notifier",
  },
  compile: {
    measure: "on the project mount: make of 100 files in C",
    directory: "sources",
    script: "make -j2",
  },
};

export const workMeasures = Object.values(works).map(({ measure }) => measure);

/** Somewhere the image's programs run: gives what a script prints that is run by `sh -c` in the project. */
interface Place {
  readonly name: string;
  readonly project: string;
  run(script: string): string;
}

/**
 * The same programs on the same files, each with a copy of its own: in an environment, outside of any with nothing but
 * another root directory, and in a container. Time is taken inside, because getting there has a row of its own.
 */
export async function openWorkComparisons(bench: Bench, tools: Tools): Promise<OpenComparisons> {
  const docker = await tools.docker();
  const ours = environment(bench, tools);
  const host = hostPlace(bench, tools);
  const places = [ours, host];
  const container = dockerSide(docker, "docker exec", (daemon) => {
    const project = join(bench.directory, "work-docker");
    mkdirSync(project);
    const mount = ["--volume", `${project}:${inside}`, "--workdir", inside];
    const options = ["--name", "work", "--user", "0:0", "--network", "none", ...mount];
    daemon.run("run", "--detach", ...options, toolsImage, "sleep", "infinity");
    places.push({
      name: "docker exec",
      project,
      run: (script) => daemon.ask("exec", "work", "sh", "-c", script),
    });
    return "";
  });
  fill(host);
  for (const { project } of places) {
    if (project === host.project) continue;
    for (const { directory } of Object.values(works))
      cpSync(join(host.project, directory), join(project, directory), { recursive: true });
  }
  const comparisons = Object.values(works).map((work): Comparison => {
    const [first = "", second = "", third = container] = places.map((place) => sideOf(place, work));
    return {
      measure: work.measure,
      rounds: 10,
      ours: first,
      peers: [{ side: second, aim: 1.03 }, { side: third }],
    };
  });
  return {
    comparisons,
    close: () => {
      devenv(bench, ours.project, "down");
      if (typeof docker !== "string") docker.removeAll();
    },
  };
}

/** The project's place in environments and containers. */
const inside = "/workspaces/tools";

function environment(bench: Bench, tools: Tools): Place {
  const project = tools.project("work");
  up(bench, project);
  const words = [bench.program, "shell", "--", "sh", "-c"];
  const options = { cwd: project, env: { DEVENV_STORE: bench.store } };
  return { name: "devenv shell", project, run: (script) => outputOf([...words, script], options) };
}

/** No layers, no filter of system calls, no limits. */
function hostPlace(bench: Bench, tools: Tools): Place {
  const project = join(bench.directory, "work-host");
  mkdirSync(project);
  const namespaces = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--user", "--map-root-user"];
  const enter = [
    `mkdir -p "$0${inside}" && mount --bind "$1" "$0${inside}"`,
    'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc"',
    'exec chroot "$0" sh -c "$2"',
  ].join(" && ");
  const words = ["unshare", ...namespaces, "sh", "-c", enter, tools.root, project];
  return { name: "host, by chroot", project, run: (script) => outputOf([...words, script]) };
}

/** What the work is done on. */
function fill({ project, run }: Place): void {
  const { status, install, compile } = works;
  makeTree(join(project, status.directory));
  makePackages(join(project, install.directory));
  makeSources(join(project, compile.directory));
  const git = "git -c gc.auto=0 -c user.name=bench -c user.email=bench@localhost";
  run(`cd ${inside}/${status.directory} && git init -q && git add . && ${git} commit -q -m all`);
}

/** Milliseconds that the work takes, by the clock of the place. */
function sideOf({ name, project, run }: Place, work: (typeof works)[keyof typeof works]): Side {
  const path = "PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp";
  const timed = `start=$(date +%s%N); { ${work.script}; } >/dev/null || exit; echo $(($(date +%s%N) - start))`;
  const script = `cd ${inside}/${work.directory} && exec env -i ${path} sh -c '${timed}'`;
  const made = ["node_modules", "objects", "cache"].map((one) => join(project, work.directory, one));
  return {
    name,
    prepare: () => command(["rm", "-rf", ...made]),
    read: () => Number(run(script)) / 1e6,
  };
}
