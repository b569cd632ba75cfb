import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";

export class ShellCommand extends DevenvCommand {
  static override paths = [["shell"]];
  static override usage = Command.Usage({
    description: "a shell inside, in the directory at hand",
    details:
      "Starts the environment when it is stopped, runs the hook onEnter, then a login shell (bash where there is one). The exit code is the shell's.",
  });

  allowMissingLimits = Option.Boolean("--allow-missing-limits", false, {
    description: "start even if this host cannot enforce a limit",
  });

  protected async run(): Promise<number> {
    const { enterProject } = await import("./enter.ts");
    const { allowMissingLimits } = this;
    return await enterProject(this.context, { command: "login-shell", allowMissingLimits });
  }
}
