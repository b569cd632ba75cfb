import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { type Bench, projectOf, settle, withProgram } from "./bench.ts";
import { type BenchImage, benchImage } from "./image.ts";
import { command, type OpenComparisons, type Side } from "./measure.ts";

/** About 450 MB in gzip together with the base. */
const toolchains = ["g++", "git", "llvm-dev", "openjdk-17-jre-headless", "python3"];

export const pullMeasure = "pull 450 MB in gzip, 17,000 files";

/**
 * An image pulled from a registry on the loopback by devenv and by others, each into nothing. The registry's files are
 * in the page cache, for all alike, and what a run left to be written is on disk before the next one starts.
 */
export async function openPullComparisons(bench: Bench, store: string): Promise<OpenComparisons> {
  // The same packages as a base are installed and packed nowhere: only their lock is used.
  const made = projectOf(bench, "image", { packages: toolchains });
  command([bench.program, "lock"], { cwd: made, env: { DEVENV_STORE: store } });
  const image = await benchImage(join(made, "devenv.lock"));
  const registry = await startDockerRegistry(undefined, image.storage);
  const docker = await startDocker(bench);
  const ours = devenvSide(bench, registry, image);
  const peers: readonly { readonly peer: Side | string; readonly aim?: number }[] = [
    { peer: dockerSide(bench, registry, image, docker), aim: 0.25 },
    { peer: podmanSide(bench, registry, image) },
    { peer: skopeoSide(bench, registry, image) },
    { peer: igzipSide(bench, image) },
  ];
  const comparisons = peers.map((one) => ({ measure: pullMeasure, rounds: 3, ours, ...one }));
  return {
    comparisons,
    close: async () => {
      if (typeof docker !== "string") await docker.stop();
      await registry.stop();
    },
  };
}

function devenvSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Side {
  const project = projectOf(bench, "pull", { base: `${registry.name}/${image.repository}` });
  const store = join(bench.directory, "pull-store");
  const devenv = (...words: string[]): void =>
    command([bench.program, ...words], { cwd: project, env: { DEVENV_STORE: store } });
  devenv("lock");
  return {
    name: "devenv build",
    prepare: settle,
    run: () => devenv("build"),
    clean: () => bench.emptyStore(store),
  };
}

interface Docker {
  readonly host: string;
  stop(): Promise<void>;
}

/** Debian's docker with a directory of its own; a text says why it cannot be had. */
async function startDocker(bench: Bench): Promise<Docker | string> {
  if (process.getuid?.() !== 0) return "docker pull: its daemon needs root";
  const place = join(bench.directory, "docker");
  mkdirSync(place);
  writeFileSync(join(place, "daemon.json"), "{}");
  const host = `unix://${join(place, "socket")}`;
  const words = [
    "--data-root",
    "data",
    "--exec-root",
    "exec",
    "--pidfile",
    "pid",
    "--config-file",
    "daemon.json",
  ];
  const places = words.map((word, index) => (index % 2 === 0 ? word : join(place, word)));
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"];
  const daemon = spawn("dockerd", [...places, ...network, "--host", host], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const failed = new Promise<string>((resolve) =>
    daemon.once("error", () => resolve("docker pull: install docker.io")),
  );
  const ready = untilItAnswers(daemon, host);
  const reason = await Promise.race([failed, ready]);
  if (reason !== undefined) return reason;
  return {
    host,
    stop: async () => {
      const ended = new Promise((resolve) => daemon.once("close", resolve));
      daemon.kill();
      await ended;
    },
  };
}

async function untilItAnswers(daemon: ChildProcess, host: string): Promise<string | undefined> {
  let said = "";
  daemon.stderr?.on("data", (part) => (said = `${said}${part}`.slice(-300)));
  for (let tries = 0; tries < 100 && daemon.exitCode === null; tries++) {
    try {
      command(["docker", "--host", host, "version"]);
      return undefined;
    } catch {
      await sleep(200);
    }
  }
  daemon.kill();
  return `docker pull: its daemon does not start: ${said.replaceAll(/[\n|]/g, " ")}`;
}

function dockerSide(
  bench: Bench,
  registry: DockerRegistry,
  image: BenchImage,
  docker: Docker | string,
): Side | string {
  if (typeof docker === "string") return docker;
  const name = `${registry.name}/${image.repository}`;
  const env = { DOCKER_CONFIG: join(bench.directory, "docker") };
  const words = ["docker", "--host", docker.host];
  return withProgram("docker.io", "docker", {
    name: "docker pull",
    prepare: settle,
    run: () => command([...words, "pull", "--quiet", name], { env }),
    clean: () => command([...words, "image", "rm", "--force", name], { env }),
  });
}

function podmanSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Side | string {
  const place = join(bench.directory, "podman");
  mkdirSync(place);
  const policy = join(place, "policy.json");
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const words = [
    "podman",
    "--root",
    join(place, "root"),
    "--runroot",
    join(place, "run"),
    "--storage-driver=overlay",
  ];
  const name = `${registry.name}/${image.repository}`;
  return withProgram("podman", "podman", {
    name: "podman pull",
    prepare: settle,
    run: () =>
      command([...words, "pull", "--quiet", "--tls-verify=false", "--signature-policy", policy, name]),
    clean: () => command([...words, "rmi", "--force", name]),
  });
}

/** Keeps the layers as they are: no unpacking, so this is the cost of transferring them to files. */
function skopeoSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Side | string {
  const target = join(bench.directory, "skopeo");
  const from = `docker://${registry.name}/${image.repository}`;
  return withProgram("skopeo", "skopeo", {
    name: "skopeo copy to files, unpacking nothing",
    prepare: settle,
    run: () =>
      command(["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", from, `dir:${target}`]),
    clean: () => rmSync(target, { recursive: true, force: true }),
  });
}

/** No network, no digest, no owners of other people: what is left is decompressing and writing. */
function igzipSide(bench: Bench, image: BenchImage): Side | string {
  const target = join(bench.directory, "igzip");
  const script = 'for layer in "$@"; do igzip -dc "$layer" | tar -x -C "$0" || exit 1; done';
  return withProgram("isal", "igzip", {
    name: "igzip -dc piped to tar -x, layer after layer",
    prepare: () => {
      settle();
      mkdirSync(target);
    },
    run: () => command(["sh", "-ec", script, target, ...image.layers]),
    clean: () => {
      if (existsSync(target)) command(["rm", "-rf", target]);
    },
  });
}
