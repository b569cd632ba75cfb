import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { command, outputOf, type Side } from "./measure.ts";

/** Debian's docker with a directory of its own. */
export interface Docker {
  /** For others who talk to its daemon. */
  readonly env: Readonly<Record<string, string>>;
  run(...words: string[]): void;
  /** The same, and gives what it printed. */
  ask(...words: string[]): string;
  /** All containers. */
  removeAll(): void;
  stop(): Promise<void>;
}

/**
 * Its daemon works in the host's network, with no bridge, or in a network of its own, where bridge and rules of the
 * firewall are nobody else's. A text says why it cannot be had.
 */
export async function startDocker(
  bench: Bench,
  name: string,
  network: "host" | "own",
): Promise<Docker | string> {
  if (process.getuid?.() !== 0) return "its daemon needs root";
  const place = join(bench.directory, name);
  mkdirSync(place);
  writeFileSync(join(place, "daemon.json"), "{}");
  const host = `unix://${join(place, "socket")}`;
  const files = { "data-root": "data", "exec-root": "exec", pidfile: "pid", "config-file": "daemon.json" };
  const places = Object.entries(files).flatMap(([option, file]) => [`--${option}`, join(place, file)]);
  const options = network === "host" ? ["--bridge=none", "--iptables=false", "--ip6tables=false"] : [];
  const daemon = ["dockerd", ...places, ...options, "--storage-driver=overlay2", "--host", host];
  const [program = "", ...words] = network === "host" ? daemon : ["unshare", "--net", ...daemon];
  // Not a pipe: nobody reads while commands are waited for, and the daemon would stop at a full one.
  const log = join(place, "log");
  const child = spawn(program, words, { stdio: ["ignore", "ignore", openSync(log, "w")] });
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: place };
  const failed = new Promise<string>((resolve) => child.once("error", () => resolve("install docker.io")));
  const reason = await Promise.race([failed, untilItAnswers(child, log, env)]);
  if (reason !== undefined) return reason;
  const run = (...rest: string[]): void => command(["docker", ...rest], { env });
  const ask = (...rest: string[]): string => outputOf(["docker", ...rest], { env }).trim();
  return {
    env,
    run,
    ask,
    removeAll: () => {
      const all = ask("ps", "--all", "--quiet").split("\n").filter(Boolean);
      if (all.length > 0) run("rm", "--force", ...all);
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill();
      await ended;
      // The namespace of `--network host` stays mounted there.
      const namespaces = join(place, "exec/netns");
      if (existsSync(namespaces))
        for (const name of readdirSync(namespaces))
          spawnSync("umount", ["--lazy", join(namespaces, name)], { stdio: "ignore" });
    },
  };
}

/** What the daemon does, or why it does not. */
export function dockerSide(docker: Docker | string, name: string, make: (docker: Docker) => Side): Side {
  return typeof docker === "string" ? `${name}: ${docker}` : make(docker);
}

async function untilItAnswers(daemon: ChildProcess, log: string, env: object): Promise<string | undefined> {
  for (let tries = 0; tries < 100 && daemon.exitCode === null; tries++) {
    try {
      command(["docker", "version"], { env });
      return undefined;
    } catch {
      await sleep(200);
    }
  }
  daemon.kill();
  return `its daemon does not start: ${readFileSync(log, "utf8").slice(-300)}`;
}
