import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";

export class ShellCommand extends DevenvCommand {
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

  allowMissingLimits = Option.Boolean("--allow-missing-limits", false, {
    description: "start even if this host cannot enforce a limit",
  });

  words = Option.Proxy({ name: "CMD" });

  protected async run(): Promise<number> {
    const { enterProject } = await import("./enter.ts");
    const { allowMissingLimits } = this;
    const words = this.words[0] === "--" ? this.words.slice(1) : this.words;
    const command = words.length === 0 ? "login-shell" : words;
    return await enterProject(this.context, { command, isShell: true, allowMissingLimits });
  }
}
