import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";

export class UpdateCommand extends DevenvCommand {
  static override paths = [["update"]];
  static override usage = Command.Usage({
    description: "resolve again against today's archive",
    details:
      "Asks the archive for news and moves every package to the newest version of its release. With names only those packages move, and what must follow them.",
    examples: [
      ["Take all updates", "devenv update"],
      ["Take one, with what it needs", "devenv update openssl"],
    ],
  });

  names = Option.Rest({ name: "NAME" });
  json = Option.Boolean("--json", false, { description: "print what changed as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { updateProject } = await import("../environment/lock-project.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const { changes: others, commandChanges } = await withView(this.context.stderr, (observer) =>
      located(() => updateProject(store, project, configuration, { observer, names: this.names })),
    );
    const changes = [...others, ...commandChanges];
    if (this.json) this.context.stdout.write(formatJson({ changes }));
    else if (changes.length === 0) this.context.stdout.write("nothing newer; devenv.lock is unchanged\n");
    else this.context.stdout.write(changes.map((line) => `${line}\n`).join(""));
    return 0;
  }
}
