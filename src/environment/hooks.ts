import { DevenvError } from "../errors.ts";
import { type RunningEnvironment, runInside } from "./enter.ts";
import { workspacePath } from "./inside.ts";
import type { Observer } from "./observer.ts";

/**
 * Runs the command of a hook in the project, its output on standard error: standard output is for what the user
 * asked for.
 *
 * @throws DevenvError `DEVENV_HOOK_FAILED` with the exit code.
 */
export async function runHook(
  environment: RunningEnvironment,
  hook: "onCreate" | "onStart",
  command: string,
  observer: Observer,
): Promise<void> {
  observer.note(`${hook}: ${command}`);
  await observer.settle();
  const code = await runInside(environment, {
    command: ["/bin/sh", "-c", command],
    directory: workspacePath(environment.state.name),
    as: "user",
    streams: "errors",
  });
  if (code === 0) return;
  throw new DevenvError("DEVENV_HOOK_FAILED", `the hook ${hook} ended with exit code ${code}: ${command}`, {
    hint: "The environment runs, `devenv shell` works in it. Mend the hook, then `devenv up` runs it again.",
  });
}
