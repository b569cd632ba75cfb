import { readFile } from "node:fs/promises";
import type { CommandOptions, FailedCommand, StepNetwork } from "../build/index.ts";
import type { Configuration } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import { enterEnvironment } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { workspacePath } from "./inside.ts";
import { logFile, reasonToRun } from "./last-commands.ts";
import { findHelper, helperFor, remedyFor, resolverFile } from "./network.ts";
import type { Observer } from "./observer.ts";
import { findRunningBy } from "./running.ts";

/** What people may ask of commands that make layers. */
export interface CommandWishes {
  /** Run again what reaches the network, and record what commands give now. */
  readonly updateLayers?: boolean;
  /** A shell in the sandbox of a command that failed. */
  readonly shellOnFailure?: boolean;
}

/** How the commands of a project's layers are run. */
export function commandOptions(
  store: Store,
  root: string,
  { name }: Configuration,
  observer: Observer,
  { shellOnFailure = false, updateLayers = false }: CommandWishes,
): CommandOptions {
  return {
    workspace: workspacePath(name),
    logFile: (index) => logFile(store, root, index),
    network: stepNetwork,
    reason: async (step) => {
      const isAsked = updateLayers && step.command.network === true;
      return isAsked ? "run again, as --update-layers asks" : await reasonToRun(store, root, step);
    },
    update: updateLayers,
    ...(shellOnFailure ? { onFailure: (failed: FailedCommand) => openShell(failed, observer) } : {}),
  };
}

/** @throws DevenvError `DEVENV_NETWORK_HELPER` when there is no program that connects networks. */
async function stepNetwork(): Promise<StepNetwork> {
  const program = await findHelper(process.env["PATH"] ?? "");
  const resolver = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  return {
    helper: helperFor(program, { isRoot: process.getuid?.() === 0, resolver }),
    resolver: resolverFile(resolver, program),
    failed: async (reason) => {
      const hint = (await remedyFor()).trimEnd();
      return new DevenvError("DEVENV_NETWORK_FAILED", `a build step has no network: ${reason}`, {
        ...(hint === "" ? {} : { hint }),
      });
    },
  };
}

/** As root, with everything as the failed command left it; bash where the image has it. */
async function openShell(failed: FailedCommand, observer: Observer): Promise<void> {
  const { code, environment, network, output, pidFile, title, workspace } = failed;
  const running = await findRunningBy(pidFile);
  if (running === undefined) return;
  observer.note(
    `${output}\nthe ${title} failed with exit code ${code}. This is its sandbox, as it was left:`,
  );
  observer.note("what is done in here is thrown away when the shell ends");
  await observer.settle();
  await enterEnvironment({
    process: running,
    network,
    controlGroups: [],
    asBuilder: true,
    command: ["/bin/sh", "-c", "if [ -x /bin/bash ]; then exec /bin/bash; fi; exec /bin/sh"],
    env: { ...environment, TERM: process.env["TERM"] ?? "dumb" },
    cwd: workspace,
    uid: 0,
    gid: 0,
  });
}
