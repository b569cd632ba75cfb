import type { QuickLook } from "../environment/quick.ts";
import type { UpOutcome } from "../environment/up.ts";
import type { DevenvContext } from "./command.ts";
import type { StartOptions } from "./starting.ts";

/** What to run: a shell, before which the hook onEnter comes, or a command; a shell may be given its command. */
export interface Entrance extends StartOptions {
  readonly command: "login-shell" | readonly string[];
  readonly isShell: boolean;
}

/** Runs something inside, starting the environment first when it is stopped; gives the exit code of what ran. */
export async function enterProject(context: DevenvContext, entrance: Entrance): Promise<number> {
  const { lookQuickly } = await import("../environment/quick.ts");
  const quick = await lookQuickly(context.cwd, entrance.platform);
  const running = quick?.running;
  if (running !== undefined && !quick?.isComplete)
    context.stderr.write("a hook of this environment has not come to its end; `devenv up` runs it\n");
  else if (running !== undefined && !quick?.isCurrent)
    context.stderr.write(
      "devenv.jsonc or devenv.lock changed since the last `devenv up`, which applies them\n",
    );
  const environment =
    quick !== undefined && running !== undefined && quick.isConnected
      ? { state: quick.state, running }
      : await start(context, entrance, quick);
  const { enter } = await import("../environment/enter.ts");
  return await enter(environment, {
    command: entrance.command,
    isShell: entrance.isShell,
    directory: context.cwd,
    warn: (text) => context.stderr.write(`${text}\n`),
  });
}

async function start(
  context: DevenvContext,
  entrance: Entrance,
  quick: QuickLook | undefined,
): Promise<UpOutcome> {
  const { command, isShell: _, ...options } = entrance;
  const { findProject } = await import("../config/index.ts");
  const { openStore } = await import("../store/index.ts");
  const { up } = await import("../environment/index.ts");
  const { withView } = await import("./output.ts");
  const project = await findProject(context.cwd);
  const store = await openStore();
  // Where all is as recorded the launcher starts it without a word, in the time in which one could be read.
  const isQuiet = quick !== undefined && isAsRecorded(quick);
  if (!isQuiet && quick?.running === undefined)
    context.stderr.write("the environment is stopped; starting it\n");
  return await withView(context.stderr, (view) => {
    const observer = isQuiet ? { ...view, begin: () => {}, progress: () => {}, end: () => {} } : view;
    return up(store, project, {
      observer,
      ...options,
      ...(command === "login-shell" ? { network: "beside" } : {}),
    });
  });
}

function isAsRecorded({ isCurrent, isComplete, state: { start } }: QuickLook): boolean {
  return isCurrent && isComplete && start?.onStart === "none" && start.missingLimits.length === 0;
}
