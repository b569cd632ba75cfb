import { Command, Option } from "clipanion";
import type { Base } from "../config/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, formatTable, withView } from "./output.ts";

export class SearchCommand extends DevenvCommand {
  static override paths = [["search"]];
  static override usage = Command.Usage({
    description: "look for packages of the base's release",
    details: "Looks for the word in names and descriptions, best matches first.",
    examples: [["Where is libpq?", "devenv search libpq"]],
  });

  word = Option.String({ name: "WORD" });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { searchPackages } = await import("../environment/search.ts");
    const { store, project, configuration } = await openProject(this.context.cwd);
    const found = await withView(this.context.stderr, () =>
      searchPackages(store, project, configuration, this.word),
    );
    const { stdout, stderr } = this.context;
    if (this.json) stdout.write(formatJson(found));
    else if (found.length === 0) stderr.write(`no package of ${baseName(configuration.base)} matches\n`);
    else
      stdout.write(
        formatTable(
          ["NAME", "VERSION", "PLATFORMS", "DESCRIPTION"],
          found.map(({ name, version, platforms, description }) => [
            name,
            version,
            platforms.length === configuration.platforms.length ? "all" : platforms.join(", "),
            description,
          ]),
        ),
      );
    return found.length === 0 ? 1 : 0;
  }
}

function baseName(base: Base): string {
  return base.kind === "bootstrap" ? base.suite : base.reference;
}
