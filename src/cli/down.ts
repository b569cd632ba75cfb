import { Command } from "clipanion";
import { DevenvCommand } from "./command.ts";

export class DownCommand extends DevenvCommand {
  static override paths = [["down"]];
  static override usage = Command.Usage({
    description: "stop the environment",
    details: "Ends every process inside. What was written inside, home and volumes stay.",
  });

  protected async run(): Promise<number> {
    const { findProject } = await import("../config/project.ts");
    const { openStore } = await import("../store/index.ts");
    const { down } = await import("../environment/index.ts");
    const project = await findProject(this.context.cwd);
    const { name, wasRunning } = await down(await openStore(), project);
    this.context.stdout.write(`${name} ${wasRunning ? "stopped" : "was not running"}\n`);
    return 0;
  }
}
