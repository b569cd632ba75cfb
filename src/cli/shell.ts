import { Command, Option } from "clipanion";
import { StartingCommand } from "./starting.ts";

export class ShellCommand extends StartingCommand {
  static override paths = [["shell"]];
  static override usage = Command.Usage({
    description: "a shell inside, in the directory at hand",
    details:
      "Starts the environment when it is stopped, runs the hook onEnter, then a login shell (bash where there is one), or the command that is given. The exit code is that of the shell or the command.",
    examples: [
      ["A shell", "devenv shell"],
      ["A command as after entering a shell", "devenv shell -- make test"],
    ],
  });

  words = Option.Proxy({ name: "CMD" });

  protected async run(): Promise<number> {
    const { enterProject } = await import("./enter.ts");
    const words = this.commandOf(this.words);
    const command = words.length === 0 ? "login-shell" : words;
    return await enterProject(this.context, { command, isShell: true, ...this.start });
  }
}
