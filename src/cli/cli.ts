import { Builtins, Cli } from "clipanion";
import { AddCommand } from "./add.ts";
import { BuildCommand } from "./build.ts";
import { type DevenvContext, describeError, describeMisuse } from "./command.ts";
import { DoctorCommand } from "./doctor.ts";
import { DownCommand } from "./down.ts";
import { ExecCommand } from "./exec.ts";
import { ExportCommand } from "./export.ts";
import { InitCommand } from "./init.ts";
import { LockCommand } from "./lock.ts";
import { isTerminal } from "./output.ts";
import { PsCommand } from "./ps.ts";
import { PullCommand } from "./pull.ts";
import { PushCommand } from "./push.ts";
import { RemoveCommand } from "./remove.ts";
import { RmCommand } from "./rm.ts";
import { RunCommand } from "./run.ts";
import { SearchCommand } from "./search.ts";
import { ShellCommand } from "./shell.ts";
import { StatusCommand } from "./status.ts";
import { UpCommand } from "./up.ts";
import { UpdateCommand } from "./update.ts";
import { version } from "./version.ts";
import { WhyCommand } from "./why.ts";

const commands = [
  AddCommand,
  BuildCommand,
  DoctorCommand,
  DownCommand,
  ExecCommand,
  ExportCommand,
  InitCommand,
  LockCommand,
  PsCommand,
  PullCommand,
  PushCommand,
  RemoveCommand,
  RmCommand,
  RunCommand,
  SearchCommand,
  ShellCommand,
  StatusCommand,
  UpCommand,
  UpdateCommand,
  WhyCommand,
  Builtins.HelpCommand,
  Builtins.VersionCommand,
];

/**
 * Runs a command line and gives its exit code. A word or an option it does not know is a wrong use: told on standard
 * error, exit code 2.
 */
export async function runCli(words: string[], context: DevenvContext): Promise<number> {
  const cli = makeCli(isColored(context));
  try {
    cli.process(words, context);
  } catch (error) {
    const isMisuse = error instanceof Error && "clipanion" in error;
    context.stderr.write(isMisuse ? describeMisuse(error, words, commandNames()) : describeError(error));
    return isMisuse ? 2 : 1;
  }
  return await cli.run(words, context);
}

function makeCli(enableColors: boolean): Cli<DevenvContext> {
  const cli = new Cli<DevenvContext>({
    binaryLabel: "devenv",
    binaryName: "devenv",
    binaryVersion: version,
    enableColors,
  });
  for (const command of commands) cli.register(command);
  return cli;
}

/** On a terminal, unless the user wants none: https://no-color.org */
function isColored({ env, stdout }: DevenvContext): boolean {
  return isTerminal(stdout) && (env["NO_COLOR"] ?? "") === "";
}

function commandNames(): string[] {
  return commands
    .flatMap(({ paths = [] }) => paths.map(([word = ""]) => word))
    .filter((word) => /^\w/.test(word));
}
