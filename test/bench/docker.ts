import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
  /** All containers, but for those that do not end before the daemon does. */
  removeAll(): void;
  /** Whether a container did not go: most likely no other will, and a new daemon is needed. */
  isStuck(): boolean;
  stop(): Promise<void>;
}

/** Milliseconds for what takes less than one second. */
const patience = 60_000;

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
  const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: place };
  const failed = new Promise<string>((resolve) => child.once("error", () => resolve("install docker.io")));
  const reason = await Promise.race([failed, untilItAnswers(child, env)]);
  if (reason !== undefined) return reason;
  const stuck = new Set<string>();
  const run = (...rest: string[]): void => command(["docker", ...rest], { env, patience });
  const ask = (...rest: string[]): string => outputOf(["docker", ...rest], { env, patience }).trim();
  return {
    env,
    run,
    ask,
    removeAll: () => {
      const all = ask("ps", "--all", "--quiet")
        .split("\n")
        .filter((id) => id !== "" && !stuck.has(id));
      for (const id of all) {
        try {
          command(["docker", "rm", "--force", id], { env, patience: 10_000 });
        } catch {
          stuck.add(id);
        }
      }
    },
    isStuck: () => stuck.size > 0,
    stop: async () => {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill();
      const impatient = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(impatient);
      sweep(place);
    },
  };
}

/** What the daemon does, or why it does not. */
export function dockerSide(docker: Docker | string, name: string, make: (docker: Docker) => Side): Side {
  return typeof docker === "string" ? `${name}: ${docker}` : make(docker);
}

async function untilItAnswers(daemon: ChildProcess, env: object): Promise<string | undefined> {
  let said = "";
  daemon.stderr?.on("data", (part) => (said = `${said}${part}`.slice(-300)));
  for (let tries = 0; tries < 100 && daemon.exitCode === null; tries++) {
    try {
      command(["docker", "version"], { env });
      return undefined;
    } catch {
      await sleep(200);
    }
  }
  daemon.kill();
  return `its daemon does not start: ${said}`;
}

/** What a daemon leaves that did not end by itself: whoever was told of its directory, and what is mounted there. */
function sweep(place: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = textOf(`/proc/${pid}/cmdline`).split("\0");
    if (/^(?:.*\/)?containerd/.test(words[0] ?? "") && words.some((word) => word.startsWith(place)))
      process.kill(Number(pid), "SIGKILL");
  }
  const mounts = textOf("/proc/self/mounts")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.reverse())
    if (mount.startsWith(`${place}/`)) command(["umount", "--lazy", mount]);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
