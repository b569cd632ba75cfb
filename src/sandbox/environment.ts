import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { isatty } from "node:tty";
import { DevenvError } from "../errors.ts";
import { type IdentityMap, identityMap, mapOptions } from "./identity.ts";
import type { ControlGroupPlan, UserSlice } from "./limit-types.ts";
import { goneCode, runNative } from "./native.ts";
import { commandWords, controlGroupWords, planWords, type SandboxCommand, type SandboxPlan } from "./plan.ts";
import { checkSlice, setSlice } from "./user-slice.ts";

/** Node keeps SIGUSR1 for its debugger. */
const forwarded = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR2"] as const;

/** The first process of a running environment. Its start time (ticks since boot) tells it from a later one. */
export interface EnvironmentProcess {
  readonly pid: number;
  readonly startTime: string;
}

export interface EnvironmentPlan extends SandboxPlan {
  /**
   * With the id of the boot behind it the file that gets "PID STARTTIME" before the environment lives, written whole or
   * not at all: whoever is killed meanwhile, no environment runs that is not written down.
   */
  readonly pidFile?: string;
  /** Milliseconds between SIGTERM and SIGKILL when it is stopped; 2000 by default. */
  readonly grace?: number;
}

/**
 * Starts an environment: when this resolves, everything is mounted and commands can enter.
 *
 * @throws DevenvError when the sandbox cannot be made; nothing is left running then.
 */
export async function startEnvironment(plan: EnvironmentPlan): Promise<EnvironmentProcess> {
  const words = startWords(plan, await identityMap());
  const slice = plan.controlGroups?.slice;
  if (slice !== undefined) await setSlice(slice);
  let printed: Promise<string> = Promise.resolve("");
  const code = await runNative("run", words, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    onStart: (child) => {
      printed = text(child.stdout as Readable);
    },
  });
  const match = /^([0-9]+) ([0-9]+)\n$/.exec(await printed);
  if (code !== 0 || match === null)
    throw new DevenvError("DEVENV_SANDBOX_FAILED", `the sandbox program ended with ${code} and said nothing`);
  const started = { pid: Number(match[1]), startTime: match[2] ?? "" };
  if (slice !== undefined) await checkOrStop(slice, started);
  return started;
}

async function checkOrStop(slice: UserSlice, started: EnvironmentProcess): Promise<void> {
  try {
    await checkSlice(slice);
  } catch (error) {
    await stopEnvironment(started, { grace: 0 });
    throw error;
  }
}

/** What the sandbox program is told to start an environment. */
export function startWords(plan: EnvironmentPlan, map: IdentityMap): string[] {
  return [
    ...mapOptions(map),
    ...planWords(plan),
    ...(plan.pidFile === undefined ? [] : ["--pid-file", plan.pidFile]),
    "--grace",
    String(plan.grace ?? 2000),
  ];
}

/** A command for a running environment. */
export interface EnterPlan extends SandboxCommand {
  readonly process: EnvironmentProcess;
  readonly network: SandboxPlan["network"];
  /** State file of a network that the command needs, and waits for some seconds if need be. */
  readonly networkFile?: string;
  /** That root may do inside what it may while a layer is built; it is nobody in particular otherwise. */
  readonly asBuilder?: true;
  /** Control groups of the environment, which the command joins. */
  readonly controlGroups: readonly string[];
  /** The slice of systemd's user manager that the environment is in, in place of groups. */
  readonly slice?: Pick<UserSlice, "name" | "runtime"> | undefined;
  /** Where its descriptors lead; this process's own by default. */
  readonly stdio?: {
    readonly stdin: "ignore" | "inherit" | number;
    readonly stdout: "ignore" | "inherit" | number;
    readonly stderr: "ignore" | "inherit" | number;
  };
}

/**
 * Runs a command inside and resolves to its exit code; 128 + n for signal n. On a terminal it gets one of the
 * environment; else its descriptors are exactly ours. Signals sent to this process reach it, and it ends with us.
 *
 * @throws DevenvError `DEVENV_ENVIRONMENT_GONE` when the environment does not run any more.
 */
export async function enterEnvironment(plan: EnterPlan): Promise<number> {
  const words = [
    "--pid",
    String(plan.process.pid),
    "--starttime",
    plan.process.startTime,
    "--network",
    plan.network,
    ...(plan.networkFile === undefined ? [] : ["--network-ready", plan.networkFile]),
    "--with-parent",
    ...(plan.asBuilder === true ? ["--builder"] : []),
    ...controlGroupWords({ steps: [], join: plan.controlGroups, slice: plan.slice }),
    ...commandWords(plan),
  ];
  const stdio = plan.stdio ?? { stdin: "inherit", stdout: "inherit", stderr: "inherit" };
  const release: (() => void)[] = [];
  try {
    const code = await runNative("enter", words, {
      ...stdio,
      onStart: (child) => {
        for (const signal of forwarded) {
          const listener = () => void (isFromTerminal(signal) || child.kill(signal));
          process.on(signal, listener);
          release.push(() => void process.off(signal, listener));
        }
      },
    });
    if (code === goneCode && !(await isAlive(plan.process))) throw gone(plan.process);
    return code;
  } finally {
    for (const undo of release) undo();
  }
}

/** What changes the limits of a running environment. */
export interface ControlGroupChange {
  readonly steps: ControlGroupPlan["steps"];
  /** Directories whose groups every process of the environment joins, and those that enter meanwhile. */
  readonly move: readonly string[];
  /** The slice that it is in. */
  readonly slice?: UserSlice | undefined;
}

/**
 * Changes what the control groups of a running environment hold. Killed half-way, it may be done again.
 *
 * @throws DevenvError `DEVENV_CONTROL_GROUP` when the kernel does not take it.
 */
export async function changeControlGroups(
  { pid, startTime }: EnvironmentProcess,
  { steps, move, slice }: ControlGroupChange,
): Promise<void> {
  if (slice !== undefined) {
    await setSlice(slice);
    await checkSlice(slice);
  }
  if (steps.length === 0 && move.length === 0) return;
  const words = [
    ...["--pid", String(pid), "--starttime", startTime],
    ...controlGroupWords({ steps, join: [] }),
    ...move.flatMap((directory) => ["--cgroup-move", directory]),
  ];
  const code = await runNative("limit", words, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if (code !== 0)
    throw new DevenvError("DEVENV_SANDBOX_FAILED", `the sandbox program ended with ${code} and said nothing`);
}

/** Whether exactly this process still lives: not when another has its pid, not as a zombie. */
export async function isAlive({ pid, startTime }: EnvironmentProcess): Promise<boolean> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch {
    return false;
  }
  // proc_pid_stat(5): fields 3 and 22, counted from behind the command, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[19] === startTime && fields[0] !== "Z" && fields[0] !== "X";
}

/** Milliseconds: what was written inside may have to reach the disk before its first process is gone. */
const lastPatience = 60_000;

/**
 * Ends an environment and everything in it: first in an orderly way, by force after its time of grace and `patience`
 * milliseconds more. Resolves to whether it ran.
 */
export async function stopEnvironment(
  environment: EnvironmentProcess,
  { grace = 2000, patience = 3000 } = {},
): Promise<boolean> {
  if (!(await isAlive(environment))) return false;
  signal(environment, "SIGTERM");
  if (await isGone(environment, grace + patience)) return true;
  signal(environment, "SIGKILL");
  if (await isGone(environment, lastPatience)) return true;
  throw new DevenvError("DEVENV_STOP", `process ${environment.pid} does not end`, {
    hint: "A process inside waits for the kernel, perhaps for a file system that does not answer.",
  });
}

function gone({ pid }: EnvironmentProcess): DevenvError {
  return new DevenvError("DEVENV_ENVIRONMENT_GONE", `process ${pid} is not the environment any more`, {
    hint: "It was stopped, or the host was started anew. Run: devenv up",
  });
}

/** The keys of a terminal send these to every process in front of it, so that the sandbox program has them already. */
function isFromTerminal(name: NodeJS.Signals): boolean {
  return (name === "SIGINT" || name === "SIGQUIT") && [0, 1, 2].some((descriptor) => isatty(descriptor));
}

async function isGone(environment: EnvironmentProcess, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  for (let delay = 2; performance.now() < deadline; delay = Math.min(delay * 2, 50)) {
    if (!(await isAlive(environment))) return true;
    await sleep(delay);
  }
  return !(await isAlive(environment));
}

function signal({ pid }: EnvironmentProcess, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
