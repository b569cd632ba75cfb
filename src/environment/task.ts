import type { Configuration } from "../config/index.ts";
import { didYouMean } from "../config/similar.ts";
import { DevenvError } from "../errors.ts";

/**
 * The words that run a task; further words become its last arguments, as with `npm run`.
 *
 * @throws DevenvError `DEVENV_NO_TASK` that names the tasks there are.
 */
export function taskCommand(
  configuration: Configuration,
  file: string,
  task: string,
  words: readonly string[],
): string[] {
  const names = Object.keys(configuration.tasks);
  const text = Object.hasOwn(configuration.tasks, task) ? configuration.tasks[task] : undefined;
  if (text === undefined) {
    const found = `${file}: there is no task ${JSON.stringify(task)}${didYouMean(task, names)}`;
    const hint = names.length === 0 ? 'None is written under "tasks".' : `There are: ${names.join(", ")}.`;
    throw new DevenvError("DEVENV_NO_TASK", found, { usage: true, hint });
  }
  return ["/bin/sh", "-c", words.length === 0 ? text : `${text} "$@"`, task, ...words];
}
