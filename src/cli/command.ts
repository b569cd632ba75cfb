import { Command, UsageError } from "clipanion";
import { DevenvError } from "../errors.ts";

/** What every command of `devenv` is: `run` does the work and gives the exit code; errors are printed here alone. */
export abstract class DevenvCommand extends Command {
  protected abstract run(): Promise<number>;

  async execute(): Promise<number> {
    try {
      return await this.run();
    } catch (error) {
      this.context.stderr.write(describeError(error));
      return exitCodeOf(error);
    }
  }
}

/** 2 when the command line or a file the user wrote is wrong, 1 for any other failure. */
function exitCodeOf(error: unknown): number {
  return error instanceof UsageError || (error instanceof DevenvError && error.usage) ? 2 : 1;
}

/**
 * An error as a person reads it: message and hint of a {@link DevenvError}, with its causes when `DEVENV_DEBUG` is set.
 * Anything else is a bug of the program and is shown with its stack.
 */
export function describeError(error: unknown): string {
  if (error instanceof UsageError) return `error: ${error.message}\n`;
  if (!(error instanceof DevenvError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `error: devenv itself failed; please report this:\n${stack}\n`;
  }
  const lines = [`error: ${error.message}`];
  if (error.hint !== undefined) lines.push(...error.hint.split("\n").map((line) => `  ${line}`));
  if (process.env.DEVENV_DEBUG !== undefined) {
    lines.push(`  code: ${error.code}`);
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
      lines.push(`  caused by: ${cause.stack ?? cause.message}`);
  }
  return `${lines.join("\n")}\n`;
}
