import { Command, Option } from "clipanion";
import { findProject } from "../config/project.ts";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { platformDescription } from "./starting.ts";

export class DownCommand extends DevenvCommand {
  static override paths = [["down"]];
  static override usage = Command.Usage({
    description: "stop the environment",
    details: "Ends every process inside. What was written inside, home and volumes stay.",
  });

  platform = Option.String("--platform", { description: platformDescription });

  protected async run(): Promise<number> {
    const { openStore } = await import("../store/store.ts");
    const { down } = await import("../environment/down.ts");
    const project = await findProject(this.context.cwd);
    const { name, wasRunning } = await down(
      await openStore(),
      project,
      this.platform as Platform | undefined,
    );
    this.context.stdout.write(`${name} ${wasRunning ? "stopped" : "was not running"}\n`);
    return 0;
  }
}
