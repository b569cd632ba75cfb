import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { type Bench, devenv, projectOf, settle, withProgram } from "./bench.ts";
import { type Docker, dockerSide, startDocker } from "./docker.ts";
import { type BenchImage, benchImage } from "./image.ts";
import { command, type OpenComparisons, type Side, type Timed } from "./measure.ts";

/** About 450 MB in gzip together with the base. */
const toolchains = ["g++", "git", "llvm-dev", "openjdk-17-jre-headless", "python3"];

export const pullMeasures = { pull: "pull 450 MB in gzip, 17,000 files" };

/**
 * An image pulled from a registry on the loopback by devenv and by others, each into nothing. The registry's files are
 * in the page cache, for all alike, and what a run left to be written is on disk before the next one starts.
 */
export async function openPullComparisons(bench: Bench): Promise<OpenComparisons> {
  // The same packages as a base are installed and packed nowhere: only their lock is used.
  const made = projectOf(bench, "image", { packages: toolchains });
  devenv(bench, made, "lock");
  const image = await benchImage(join(made, "devenv.lock"));
  const registry = await startDockerRegistry(undefined, image.storage);
  const docker = await startDocker(bench, "pull-docker", "host");
  const comparison = {
    measure: pullMeasures.pull,
    rounds: 3,
    ours: devenvSide(bench, registry, image),
    peers: [
      { side: pullWithDocker(registry, image, docker), aim: 0.25 },
      { side: podmanSide(bench, registry, image) },
      { side: skopeoSide(bench, registry, image) },
      { side: igzipSide(bench, image) },
    ],
  };
  return {
    comparisons: [comparison],
    close: async () => {
      if (typeof docker !== "string") await docker.stop();
      await registry.stop();
    },
  };
}

function devenvSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Timed {
  const project = projectOf(bench, "pull", { base: `${registry.name}/${image.repository}` });
  const apart = { ...bench, store: join(bench.directory, "pull-store") };
  devenv(apart, project, "lock");
  return {
    name: "devenv build",
    prepare: settle,
    run: () => devenv(apart, project, "build"),
    clean: () => bench.emptyStore(apart.store),
  };
}

function pullWithDocker(registry: DockerRegistry, image: BenchImage, docker: Docker | string): Side {
  const name = `${registry.name}/${image.repository}`;
  return dockerSide(docker, "docker pull", (daemon) => ({
    name: "docker pull",
    prepare: settle,
    run: () => command(["docker", "pull", "--quiet", name], { env: daemon.env }),
    clean: () => daemon.run("image", "rm", "--force", name),
  }));
}

function podmanSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Side {
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
function skopeoSide(bench: Bench, registry: DockerRegistry, image: BenchImage): Side {
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
function igzipSide(bench: Bench, image: BenchImage): Side {
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
