import { Command, Option } from "clipanion";
import { findProject } from "../config/project.ts";
import { DevenvCommand } from "./command.ts";
import { isTerminal } from "./output.ts";
import { confirm } from "./starting.ts";

export class RmCommand extends DevenvCommand {
  static override paths = [["rm"]];
  static override usage = Command.Usage({
    description: "remove the environment with its home and volumes",
    details:
      "Stops it first. Asks on a terminal unless `--yes` is said. The project, the lock and the built image stay. Without ID it is the environment of the project at hand; with one, as `devenv ps` shows it, that of any project, also of one that is gone.",
    examples: [["What is left of a project that was moved", "devenv rm shop-api-0123456789ab"]],
  });

  id = Option.String({ name: "ID", required: false });
  yes = Option.Boolean("-y,--yes", false, { description: "do not ask" });

  protected async run(): Promise<number> {
    const { openStore } = await import("../store/store.ts");
    const { removeEnvironment } = await import("../environment/down.ts");
    const { findEnvironment, findNamed } = await import("../environment/list.ts");
    const store = await openStore();
    const found =
      this.id === undefined
        ? await findEnvironment(store, await findProject(this.context.cwd))
        : await findNamed(store, this.id);
    if (found === undefined) {
      this.context.stdout.write("there is no environment for this project\n");
      return 0;
    }
    if (!this.yes && !(await this.agrees(found.name))) {
      this.context.stderr.write("nothing was removed\n");
      return 1;
    }
    await removeEnvironment(store, found.id);
    this.context.stdout.write(`${found.name} removed, with its home and volumes\n`);
    return 0;
  }

  private async agrees(name: string): Promise<boolean> {
    const { stdin, stderr } = this.context;
    if (!isTerminal(stdin) || !isTerminal(stderr)) return true;
    return await confirm(this.context, `Remove ${name} with its home and volumes? [y/N] `);
  }
}
