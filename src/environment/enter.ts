import { enterEnvironment, identityMap } from "../sandbox/index.ts";
import { insideEnvironment, insideVariables, loginShell, workingDirectory } from "./inside.ts";
import { hasWatcher, networkFile } from "./network.ts";
import type { RunningProcess } from "./running.ts";
import type { EnvironmentState } from "./state.ts";

/** An environment that runs. */
export interface RunningEnvironment {
  readonly state: EnvironmentState;
  readonly running: RunningProcess;
}

/** Something to run inside. */
export interface InsideCommand {
  readonly command: readonly string[];
  /** Absolute path inside. */
  readonly directory: string;
  readonly as: "user" | "root";
  /** `own`: our descriptors are the command's; `errors`: it reads nothing and prints on standard error. */
  readonly streams: "own" | "errors";
  /** `beside`: it runs at once, while the network may still be on its way; it waits for it otherwise. */
  readonly network?: "beside";
}

/** Runs a command inside and gives its exit code; 128 + n when signal n ended it. */
export async function runInside(
  { state, running }: RunningEnvironment,
  { command, directory, as, streams, network }: InsideCommand,
): Promise<number> {
  const { name, start, image } = state;
  if (start === undefined) throw new Error(`Assertion failed: nobody started ${name}`);
  const { user } = await identityMap();
  return await enterEnvironment({
    process: { pid: running.pid, startTime: running.startTime },
    network: start.settings.network,
    ...(network === "beside" || !hasWatcher(start.settings)
      ? {}
      : { networkFile: networkFile(running.directory) }),
    controlGroups: start.cgroups,
    slice: start.slice,
    command,
    env: insideEnvironment(insideVariables(name, start.settings.env, image?.variables), process.env),
    cwd: directory,
    ...(as === "root" ? { uid: 0, gid: 0 } : user),
    ...(streams === "own" ? {} : { stdio: { stdin: "ignore", stdout: 2, stderr: 2 } as const }),
  });
}

/**
 * Runs what the user asked for, in the directory inside that is `directory` outside. Before a shell comes onEnter,
 * whose failure is told and keeps nobody out.
 */
export async function enter(
  environment: RunningEnvironment,
  entrance: {
    readonly command: "login-shell" | readonly string[];
    readonly isShell: boolean;
    readonly directory: string;
    readonly warn: (text: string) => void;
  },
): Promise<number> {
  const { command, isShell, warn } = entrance;
  const { state } = environment;
  const directory = workingDirectory(state.name, state.project, entrance.directory);
  if (isShell && state.onEnter !== undefined) {
    const hook = ["/bin/sh", "-c", state.onEnter];
    const code = await runInside(environment, { command: hook, directory, as: "user", streams: "errors" });
    if (code !== 0) warn(`the hook onEnter ended with exit code ${code}: ${state.onEnter}`);
  }
  const own = { directory, as: "user", streams: "own" } as const;
  if (command !== "login-shell") return await runInside(environment, { command, ...own });
  return await runInside(environment, { command: loginShell, ...own, network: "beside" });
}
