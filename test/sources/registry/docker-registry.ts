import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** Debian's docker-registry on a loopback port of its own. */
export interface DockerRegistry {
  /** `127.0.0.1:PORT` */
  readonly name: string;
  readonly url: string;
  /** The file that holds a blob. */
  blobPath(digest: string): string;
  stop(): Promise<void>;
}

/** `auth` is the section of that name in its configuration; `storage` a directory that stays, instead of an empty one. */
export async function startDockerRegistry(
  auth?: Readonly<Record<string, unknown>>,
  storage?: string,
): Promise<DockerRegistry> {
  const directory = mkdtempSync(join(tmpdir(), "devenv-registry-"));
  const name = `127.0.0.1:${await freePort()}`;
  const configuration = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage ?? join(directory, "storage") },
      delete: { enabled: true },
    },
    http: { addr: name, secret: "test" },
    ...(auth === undefined ? {} : { auth }),
  };
  const file = join(directory, "config.yml");
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify(configuration));
  const child = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  await untilItAnswers(`http://${name}/v2/`, child);
  return {
    name,
    url: `http://${name}`,
    blobPath: (digest) => {
      const hex = digest.replace("sha256:", "");
      const blobs = join(directory, "storage/docker/registry/v2/blobs/sha256");
      return join(blobs, hex.slice(0, 2), hex, "data");
    },
    stop: async () => {
      child.kill();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Copies with skopeo; a token server in this process can answer meanwhile. */
export async function skopeoCopy(from: string, to: string, words: readonly string[] = []): Promise<void> {
  const insecure = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
  await promisify(execFile)("skopeo", [...insecure, ...words, from, to], { timeout: 120_000 });
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (said += String(part)));
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break;
    const answers = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answers) return;
    await sleep(100);
  }
  throw new Error(`docker-registry does not answer: ${said}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
