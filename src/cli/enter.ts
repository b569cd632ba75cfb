import type { DevenvContext } from "./command.ts";

/** What to run, given the environment: its own words or a task of the configuration. */
export interface Entrance {
  readonly command: "login-shell" | readonly string[];
  readonly allowMissingLimits: boolean;
}

/** Runs something inside, starting the environment first when it is stopped; gives the exit code of what ran. */
export async function enterProject(context: DevenvContext, entrance: Entrance): Promise<number> {
  const { lookQuickly } = await import("../environment/quick.ts");
  const quick = await lookQuickly(context.cwd);
  if (quick !== undefined && !quick.isComplete)
    context.stderr.write("a hook of this environment has not come to its end; `devenv up` runs it\n");
  else if (quick !== undefined && !quick.isCurrent)
    context.stderr.write(
      "devenv.jsonc or devenv.lock changed since the last `devenv up`, which applies them\n",
    );
  const environment = quick ?? (await start(context, entrance.allowMissingLimits));
  const { enter } = await import("../environment/enter.ts");
  return await enter(environment, {
    command: entrance.command,
    directory: context.cwd,
    warn: (text) => context.stderr.write(`${text}\n`),
  });
}

async function start(context: DevenvContext, allowMissingLimits: boolean) {
  const { findProject } = await import("../config/index.ts");
  const { openStore } = await import("../store/index.ts");
  const { up } = await import("../environment/index.ts");
  const { withView } = await import("./output.ts");
  const project = await findProject(context.cwd);
  const store = await openStore();
  context.stderr.write("the environment is stopped; starting it\n");
  return await withView(context.stderr, (observer) => up(store, project, { observer, allowMissingLimits }));
}
