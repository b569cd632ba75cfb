import { Builtins, Cli } from "clipanion";
import { AddCommand } from "./add.ts";
import { describeError } from "./command.ts";
import { InitCommand } from "./init.ts";
import { RemoveCommand } from "./remove.ts";
import { version } from "./version.ts";

const cli = new Cli({ binaryLabel: "devenv", binaryName: "devenv", binaryVersion: version });
for (const command of [AddCommand, InitCommand, RemoveCommand, Builtins.HelpCommand, Builtins.VersionCommand])
  cli.register(command);
process.exitCode = await main(process.argv.slice(2));

/** Parses the command line first: a word it does not know is a wrong use, told on standard error with exit code 2. */
async function main(words: string[]): Promise<number> {
  try {
    cli.process(words, Cli.defaultContext);
  } catch (error) {
    if (!(error instanceof Error) || !("clipanion" in error)) {
      process.stderr.write(describeError(error));
      return 1;
    }
    process.stderr.write(cli.error(error, { colored: process.stderr.isTTY }));
    return 2;
  }
  return await cli.run(words);
}
