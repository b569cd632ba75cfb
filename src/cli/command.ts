import { type BaseContext, Command, UsageError } from "clipanion";
import { didYouMean } from "../config/similar.ts";
import { DevenvError } from "../errors.ts";

/** Where a command reads and writes, and the directory it was called in. */
export interface DevenvContext extends BaseContext {
  readonly cwd: string;
}

/** What every command of `devenv` is: `run` does the work and gives the exit code; errors are printed here alone. */
export abstract class DevenvCommand extends Command<DevenvContext> {
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
  const lines = [`error: ${error.message}`, ...hostReason(error)];
  if (error.hint !== undefined) lines.push(...error.hint.split("\n").map((line) => `  ${line}`));
  if (process.env.DEVENV_DEBUG !== undefined) {
    lines.push(`  code: ${error.code}`);
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
      lines.push(`  caused by: ${cause.stack ?? cause.message}`);
  }
  return `${lines.join("\n")}\n`;
}

/** What the host refused, where the message itself does not say it: it decides what the user can do. */
function hostReason({ message, cause }: DevenvError): string[] {
  const reasons = ["EACCES", "EDQUOT", "EIO", "EMFILE", "ENOSPC", "EPERM", "EROFS"];
  const { code = "", message: reason = "" } = (cause ?? {}) as NodeJS.ErrnoException;
  return reasons.includes(code) && !message.includes(reason) ? [`  ${reason}`] : [];
}

/** A command line that clipanion could not make sense of, as a person reads it. */
export function describeMisuse(error: Error, words: readonly string[], commands: readonly string[]): string {
  const [word] = words;
  if (word !== undefined && !word.startsWith("-") && !commands.includes(word)) {
    const found = `there is no command ${JSON.stringify(word)}${didYouMean(word, commands)}`;
    return `error: ${found}\n  \`devenv --help\` lists all.\n`;
  }
  const [reason = "", ...rest] = error.message.split("\n").filter((line) => line !== "");
  return [
    `error: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`,
    ...rest.map((line) => `  ${line}`),
    "",
  ].join("\n");
}
