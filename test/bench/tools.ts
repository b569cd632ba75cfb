import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, devenv, projectOf } from "./bench.ts";
import { type Docker, startDocker } from "./docker.ts";
import { command, outputOf } from "./measure.ts";

/** An image with a compiler, git and Node: what every comparison of environments is entered, started and filled with. */
export interface Tools {
  /** A directory with its configuration, and more of it, and its lock. */
  project(name: string, more?: object): string;
  /** Its layers that the store has, the lowest first. */
  readonly layers: readonly string[];
  /** All files of the image in a directory. */
  readonly root: string;
  /** A daemon that has the image, in a network of its own; a text says why there is none. */
  docker(): Promise<Docker | string>;
  close(): Promise<void>;
}

/** What docker calls the image. */
export const toolsImage = "tools:latest";

/** An environment that shares the host's network, and the words with which `up` agrees to that. */
export const hostNetwork = { network: "host" };
const hostNetworkGrant: readonly string[] = ["--allow-host-network"];

const image = { name: "tools", packages: ["gcc", "git", "libc6-dev", "make"], languages: { node: "20" } };

/** Builds the image, and unpacks it for those who have no images. */
export function makeTools(bench: Bench): Tools {
  process.stderr.write("making the image …\n");
  const first = projectOf(bench, "tools", image);
  const archive = join(bench.directory, "tools.tar");
  devenv(bench, first, "build");
  devenv(bench, first, "export", "--format", "docker-archive", "--output", archive);
  const root = join(bench.directory, "tools-root");
  const diffIDs = unpack(bench, archive, root);
  let docker: Promise<Docker | string> | undefined;
  return {
    project: (name, more = {}) => {
      const project = projectOf(bench, name, { ...image, ...hostNetwork, ...more });
      cpSync(join(first, "devenv.lock"), join(project, "devenv.lock"));
      return project;
    },
    // The export adds a layer of its own on top.
    layers: diffIDs.slice(0, -1),
    root,
    docker: async () => {
      docker ??= withImage(startDocker(bench, "docker", "own"), archive);
      return await docker;
    },
    close: async () => {
      const started = await docker;
      if (typeof started === "object") await started.stop();
    },
  };
}

async function withImage(docker: Promise<Docker | string>, archive: string): Promise<Docker | string> {
  const started = await docker;
  if (typeof started === "object") started.run("load", "--quiet", "--input", archive);
  return started;
}

/** The layers of this image remove nothing of each other. */
function unpack(bench: Bench, archive: string, root: string): string[] {
  const layout = join(bench.directory, "tools-layout");
  mkdirSync(layout);
  mkdirSync(root);
  command(["tar", "-C", layout, "-xf", archive]);
  const read = (file: string): unknown => JSON.parse(readFileSync(join(layout, file), "utf8"));
  const [manifest] = read("manifest.json") as [{ Config: string; Layers: string[] }];
  for (const layer of manifest.Layers)
    command(["tar", "-C", root, "--exclude=.wh.*", "-xf", join(layout, layer)]);
  const { rootfs } = read(manifest.Config) as { rootfs: { diff_ids: string[] } };
  rmSync(layout, { recursive: true });
  return rootfs.diff_ids;
}

/** Starts a project's environment. */
export function up(bench: Bench, project: string): void {
  devenv(bench, project, "up", ...hostNetworkGrant);
}

/** The first process of a project's environment. */
export function initOf(bench: Bench, project: string): number {
  const env = { DEVENV_STORE: bench.store };
  const status = JSON.parse(outputOf([bench.program, "status", "--json"], { cwd: project, env }));
  return Number(status.pid);
}

/** A project whose development container is made from the image by docker. */
export function containerProject(bench: Bench, name: string): string {
  const project = join(bench.directory, name);
  mkdirSync(join(project, ".devcontainer"), { recursive: true });
  const configuration = { image: toolsImage, updateRemoteUserUID: false };
  writeFileSync(join(project, ".devcontainer/devcontainer.json"), JSON.stringify(configuration));
  return project;
}
