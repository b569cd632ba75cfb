import { Builtins, Cli, type Command } from "clipanion";
import { AddCommand } from "./add.ts";
import { BuildCommand } from "./build.ts";
import { type DevenvContext, describeError, describeMisuse } from "./command.ts";
import { DoctorCommand } from "./doctor.ts";
import { DownCommand } from "./down.ts";
import { ExecCommand } from "./exec.ts";
import { ExportCommand } from "./export.ts";
import { GcCommand } from "./gc.ts";
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
import { StoreVerifyCommand } from "./store.ts";
import { UpCommand } from "./up.ts";
import { UpdateCommand } from "./update.ts";
import { VerifyCommand } from "./verify.ts";
import { WhyCommand } from "./why.ts";

const ownCommands = [
  AddCommand,
  BuildCommand,
  DoctorCommand,
  DownCommand,
  ExecCommand,
  ExportCommand,
  GcCommand,
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
  StoreVerifyCommand,
  UpCommand,
  UpdateCommand,
  VerifyCommand,
  WhyCommand,
];

/**
 * Runs a command line in this process's directory and gives its exit code. A word or an option it does not know is a wrong use: told on standard
 * error, exit code 2.
 */
export async function runCli(words: string[], version: string): Promise<number> {
  const context: DevenvContext = { ...Cli.defaultContext, cwd: process.cwd() };
  const cli = makeCli(words, version, isColored(context));
  let command: Command<DevenvContext>;
  try {
    command = cli.process(words, context);
  } catch (error) {
    const isMisuse = error instanceof Error && "clipanion" in error;
    context.stderr.write(isMisuse ? describeMisuse(error, words, commandNames()) : describeError(error));
    return isMisuse ? 2 : 1;
  }
  return await cli.run(command, context);
}

/** Knows the one command that is named, else all: what every command adds to the grammar takes time. */
function makeCli([name = ""]: readonly string[], version: string, enableColors: boolean): Cli<DevenvContext> {
  const cli = new Cli<DevenvContext>({
    binaryLabel: "devenv",
    binaryName: "devenv",
    binaryVersion: version,
    enableColors,
  });
  const named = ownCommands.filter((command) => namesOf(command).includes(name));
  const all = [...ownCommands, Builtins.HelpCommand, Builtins.VersionCommand];
  for (const command of named.length > 0 ? named : all) cli.register(command);
  return cli;
}

/** On a terminal, unless the user wants none: https://no-color.org */
function isColored({ env, stdout }: DevenvContext): boolean {
  return isTerminal(stdout) && (env["NO_COLOR"] ?? "") === "";
}

function commandNames(): string[] {
  return ownCommands.flatMap(namesOf);
}

function namesOf({ paths }: (typeof ownCommands)[number]): string[] {
  return paths.map(([word = ""]) => word);
}
