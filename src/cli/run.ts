import { Command, Option } from "clipanion";
import { StartingCommand } from "./starting.ts";

export class RunCommand extends StartingCommand {
  static override paths = [["run"]];
  static override usage = Command.Usage({
    description: "run a task of devenv.jsonc inside",
    details:
      "Starts the environment when it is stopped. Further words are given to the task's command. The exit code is the task's.",
    examples: [["Run the task `test`", "devenv run test -v"]],
  });

  task = Option.String({ name: "TASK" });
  words = Option.Proxy({ name: "ARG" });

  protected async run(): Promise<number> {
    const { findProject, readConfiguration } = await import("../config/index.ts");
    const { taskCommand } = await import("../environment/task.ts");
    const { enterProject } = await import("./enter.ts");
    const { configFile } = await findProject(this.context.cwd);
    const { configuration } = await readConfiguration(configFile);
    const command = taskCommand(configuration, configFile, this.task, this.words);
    return await enterProject(this.context, { command, isShell: false, ...this.start });
  }
}
