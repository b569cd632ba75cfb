import { Command, Option, UsageError } from "clipanion";
import { StartingCommand } from "./starting.ts";

export class ExecCommand extends StartingCommand {
  static override paths = [["exec"]];
  static override usage = Command.Usage({
    description: "run a command inside",
    details:
      "Starts the environment when it is stopped. Standard input, output and error are the command's own, and so is the exit code.",
    examples: [["The Python of the project", "devenv exec -- python3 --version"]],
  });

  words = Option.Proxy({ name: "CMD" });

  protected async run(): Promise<number> {
    const { enterProject } = await import("./enter.ts");
    const command = this.commandOf(this.words);
    if (command.length === 0) throw new UsageError("a command is needed: devenv exec -- CMD");
    return await enterProject(this.context, { command, isShell: false, ...this.start });
  }
}
