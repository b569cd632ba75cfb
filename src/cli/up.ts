import { Command, Option } from "clipanion";
import { StartingCommand } from "./starting.ts";

export class UpCommand extends StartingCommand {
  static override paths = [["up"]];
  static override usage = Command.Usage({
    description: "resolve, build or reuse, start",
    details:
      "Makes the environment what devenv.jsonc and devenv.lock ask for and starts it. With nothing to do it says so. `--frozen` fails when the lock would change or the image is another than the one recorded.",
    examples: [
      ["Start the project at hand", "devenv up"],
      ["In a CI job", "devenv up --frozen"],
    ],
  });

  frozen = Option.Boolean("--frozen", false, { description: "fail instead of changing devenv.lock" });
  dryRun = Option.Boolean("--dry-run", false, { description: "print the sandbox plan, start nothing" });

  protected async run(): Promise<number> {
    const { lookQuickly } = await import("../environment/quick.ts");
    const { cwd, stdout, stderr } = this.context;
    const quick = this.dryRun ? undefined : await lookQuickly(cwd, this.start.platform);
    if (
      quick?.running !== undefined &&
      quick.isCurrent &&
      quick.hasSameInputs &&
      quick.isComplete &&
      quick.isConnected &&
      quick.hasEntry
    ) {
      stdout.write(`${quick.state.name} is up to date and running\n`);
      return 0;
    }
    const { findProject } = await import("../config/index.ts");
    const { openStore } = await import("../store/index.ts");
    const { formatPlan, planUp, up } = await import("../environment/index.ts");
    const { withView } = await import("./output.ts");
    const project = await findProject(cwd);
    const store = await openStore();
    const options = { frozen: this.frozen, ...this.start };
    if (this.dryRun) {
      const plan = await withView(stderr, (observer) => planUp(store, project, { ...options, observer }));
      stdout.write(formatPlan(plan));
      return 0;
    }
    const { did, state } = await withView(stderr, (observer) => up(store, project, { ...options, observer }));
    stdout.write(`${state.name} is ${did === "nothing" ? "up to date and " : ""}running\n`);
    return 0;
  }
}
