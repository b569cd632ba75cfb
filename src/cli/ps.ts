import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";
import { formatJson, formatTable } from "./output.ts";

export class PsCommand extends DevenvCommand {
  static override paths = [["ps"]];
  static override usage = Command.Usage({
    description: "the environments of all projects",
    details:
      "A project that was moved or removed is shown as gone; `devenv rm ID` removes what is left of its environment.",
  });

  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openStore } = await import("../store/store.ts");
    const { listEnvironments } = await import("../environment/list.ts");
    const environments = await listEnvironments(await openStore());
    const { stdout } = this.context;
    if (this.json) stdout.write(formatJson(environments));
    else if (environments.length === 0) stdout.write("no environments\n");
    else
      stdout.write(
        formatTable(
          ["ID", "STATE", "PID", "PROJECT"],
          environments.map(({ id, isRunning, pid, platform, project, isGone }) => [
            id,
            isRunning ? "running" : "stopped",
            pid === undefined ? "-" : String(pid),
            `${project ?? "unknown: its state is damaged"}${isGone ? " (gone)" : ""}${platform === undefined ? "" : ` (${platform})`}`,
          ]),
        ),
      );
    return 0;
  }
}
