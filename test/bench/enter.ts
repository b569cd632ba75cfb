import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, devenv, hasProgram, repeated, withProgram } from "./bench.ts";
import { type Docker, dockerSide } from "./docker.ts";
import { command, type OpenComparisons, type Side } from "./measure.ts";
import { containerProject, type Tools, toolsImage, up } from "./tools.ts";

export const enterMeasures = {
  running: "a command in a running environment",
  nothing: "up, nothing to do",
  version: "the version",
};

/** Commands that find everything as it should be. */
export async function openEnterComparisons(bench: Bench, tools: Tools): Promise<OpenComparisons> {
  const project = tools.project("running");
  const env = { DEVENV_STORE: bench.store };
  up(bench, project);
  const docker = await tools.docker();
  const sleeper = await startSleeper();
  const containers = startContainers(bench, docker);
  const ours = (times: number, ...words: string[]): Side =>
    repeated(
      { name: `devenv ${words.join(" ")}`, words: [bench.program, ...words], cwd: project, env },
      times,
    );
  const node = repeated({ name: "node -e 0", words: [process.execPath, "-e", "0"] }, 3);
  const bundle = join(dirname(bench.program), "devenv.mjs");
  const comparisons = [
    {
      measure: enterMeasures.running,
      rounds: 20,
      ours: ours(10, "shell", "--", "true"),
      peers: [
        { side: bubblewrap(), aim: 0.5 },
        { side: sleeper.side },
        { side: containers.exec },
        { side: containers.devcontainerExec },
      ],
    },
    {
      measure: enterMeasures.nothing,
      rounds: 20,
      ours: ours(10, "up"),
      peers: [{ side: node, aim: 1 }, { side: containers.devcontainerUp }],
    },
    {
      measure: enterMeasures.version,
      rounds: 20,
      ours: ours(3, "--version"),
      peers: [{ side: node, aim: 1.3 }],
    },
    {
      measure: `${enterMeasures.version}, without the launcher`,
      rounds: 20,
      ours: repeated(
        { name: "node devenv.mjs --version", words: [process.execPath, bundle, "--version"] },
        3,
      ),
      peers: [{ side: node, aim: 1.3 }],
    },
  ];
  return {
    comparisons,
    close: () => {
      containers.close();
      sleeper.close();
      devenv(bench, project, "down");
    },
  };
}

function bubblewrap(): Side {
  const root = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
  const words = ["bwrap", "--unshare-all", ...root, "true"];
  return withProgram("bubblewrap", "bwrap", repeated({ name: "bwrap --unshare-all true", words }, 20));
}

/** A process in the namespaces that an environment in the host's network has, for nsenter to join. */
async function startSleeper(): Promise<{ readonly side: Side; close(): void }> {
  const namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--uts", "--ipc", "--cgroup"];
  const words = [...namespaces, "--fork", "--mount-proc", "--kill-child", "sleep", "infinity"];
  const child = spawn("unshare", words, { stdio: "ignore" });
  let inside = "";
  for (let tries = 0; tries < 100 && inside === ""; tries++) {
    await sleep(20);
    inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  }
  const name = "nsenter --all true";
  const enter = ["nsenter", "--target", inside, "--all", "true"];
  return { side: repeated({ name, words: enter }, 20), close: () => void child.kill("SIGKILL") };
}

interface Containers {
  readonly exec: Side;
  readonly devcontainerExec: Side;
  readonly devcontainerUp: Side;
  close(): void;
}

/** A container that runs, and another as the specification of development containers has it. */
function startContainers(bench: Bench, docker: Docker | string): Containers {
  const name = "running";
  const folder = ["--workspace-folder", containerProject(bench, "devcontainer")];
  if (typeof docker !== "string") {
    docker.run("run", "--detach", "--name", name, "--network", "none", toolsImage, "sleep", "infinity");
    if (hasProgram("devcontainer")) command(["devcontainer", "up", ...folder], { env: docker.env });
  }
  const devcontainer = (verb: string, ...words: string[]): Side => {
    const title = ["devcontainer", verb, ...words].join(" ");
    return dockerSide(docker, title, ({ env }) =>
      withProgram("@devcontainers/cli with npm", "devcontainer", {
        name: title,
        run: () => command(["devcontainer", verb, ...folder, ...words], { env }),
      }),
    );
  };
  return {
    exec: dockerSide(docker, "docker exec true", ({ env }) =>
      repeated({ name: "docker exec true", words: ["docker", "exec", name, "true"], env }, 3),
    ),
    devcontainerExec: devcontainer("exec", "true"),
    devcontainerUp: devcontainer("up"),
    close: () => {
      if (typeof docker !== "string") docker.removeAll();
    },
  };
}
