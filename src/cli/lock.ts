import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";

export class LockCommand extends DevenvCommand {
  static override paths = [["lock"]];
  static override usage = Command.Usage({
    description: "make devenv.lock fit devenv.jsonc",
    details:
      "Resolves every platform of the configuration, on any host, unless the lock fits already. `--check` changes nothing and fails when the lock does not fit.",
    examples: [["Fail in a CI job when someone forgot to lock", "devenv lock --check"]],
  });

  check = Option.Boolean("--check", false, { description: "change nothing; fail when the lock is stale" });
  json = Option.Boolean("--json", false, { description: "print what changed as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { lockProject, requireLock } = await import("../environment/lock-project.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    if (this.check) {
      await located(() => requireLock(store, project, configuration));
      this.context.stdout.write(this.json ? formatJson({ changes: [] }) : "devenv.lock fits devenv.jsonc\n");
      return 0;
    }
    const { changes: others, commandChanges } = await withView(this.context.stderr, (observer) =>
      located(() => lockProject(store, project, configuration, { observer })),
    );
    const changes = [...others, ...commandChanges];
    if (this.json) this.context.stdout.write(formatJson({ changes }));
    else if (changes.length === 0)
      this.context.stdout.write("devenv.lock fits devenv.jsonc; nothing to do\n");
    else this.context.stdout.write(changes.map((line) => `${line}\n`).join(""));
    return 0;
  }
}
