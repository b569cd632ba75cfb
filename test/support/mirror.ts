import { createReadStream } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Lock, lockedPackages } from "../../src/lock/index.ts";
import type { Project } from "./ground.ts";

/**
 * A mirror of Debian on this machine with the packages that a project has locked and its store holds, and of the snapshot
 * service, at every moment with the same ones.
 */
export interface Mirror {
  /** What makes a program use it. */
  readonly env: NodeJS.ProcessEnv;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  /** Has files whose path holds the text no longer, other than at earlier moments, or not even there. */
  lose(text: string, options?: { readonly everywhere: boolean }): void;
  /** Answers so many more requests, and lets all later ones wait. */
  pauseAfter(count: number): void;
  /** Answers everything, also what waits. */
  goOn(): void;
  close(): Promise<void>;
}

export async function openMirror(project: Project): Promise<Mirror> {
  const files = lockedFiles(project);
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const lost: { readonly text: string; readonly everywhere: boolean }[] = [];
  let allowed = Number.POSITIVE_INFINITY;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    const [, archive, file] = /^\/archive\/([^/]+)\/[0-9]{8}T[0-9]{6}Z\/(.*)$/.exec(path) ?? [];
    const isPast = archive !== undefined;
    const isLost = lost.some(({ everywhere, text }) => path.includes(text) && (everywhere || !isPast));
    const found = files.get(isPast ? `/${archive}/${file}` : path);
    const answer = (): void => send(isLost ? undefined : found, response);
    if (allowed > 0) answer();
    else waiting.push(answer);
    allowed -= 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    env: {
      DEVENV_DEBIAN_MIRROR: `${url}/debian`,
      DEVENV_DEBIAN_SECURITY_MIRROR: `${url}/debian-security`,
      DEVENV_DEBIAN_SNAPSHOT_MIRROR: url,
    },
    asked,
    lose: (text, { everywhere } = { everywhere: false }) => void lost.push({ text, everywhere }),
    pauseAfter: (count) => {
      allowed = count;
    },
    goOn: () => {
      allowed = Number.POSITIVE_INFINITY;
      for (const answer of waiting.splice(0)) answer();
    },
    close: () => close(server),
  };
}

function lockedFiles(project: Project): Map<string, string> {
  const lock = JSON.parse(project.read("devenv.lock")) as Lock;
  const packages = Object.values(lock.platforms).flatMap(lockedPackages);
  return new Map(
    packages.map(({ archive, path, sha256 }) => [
      `/${archive}/${path}`,
      join(project.ground.store, "blobs/sha256", sha256),
    ]),
  );
}

function send(file: string | undefined, response: ServerResponse): void {
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
