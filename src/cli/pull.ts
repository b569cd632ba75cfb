import { Command, Option } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";

export class PullCommand extends DevenvCommand {
  static override paths = [["pull"]];
  static override usage = Command.Usage({
    description: "bring the image from a registry, start nothing",
    details:
      "Brings what somebody pushed with `devenv push` for this very lock into the store, so that `devenv up` need not build it. Every layer must be the one that devenv.lock records: nobody who can write to the registry can put another one in its place.",
    examples: [["In a CI job", "devenv pull ghcr.io/acme/shop-api:main && devenv up --frozen"]],
  });

  reference = Option.String({ name: "REF" });
  platform = Option.String("--platform", { description: "that of this host unless given" });
  json = Option.Boolean("--json", false, { description: "print digest and layers as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { atWork } = await import("../environment/at-work.ts");
    const { pullProject } = await import("../environment/pull-project.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const platform = this.platform as Platform | undefined;
    const pulled = await withView(this.context.stderr, (observer) =>
      located(() =>
        atWork(store, () =>
          pullProject(store, project, configuration, this.reference, { observer, platform }),
        ),
      ),
    );
    const { layers } = pulled;
    const count = layers.filter(({ did }) => did === "pulled").length;
    const line = `${pulled.platform} ${pulled.digest}: ${count} of ${layers.length} layers pulled\n`;
    this.context.stdout.write(this.json ? formatJson(pulled) : line);
    return 0;
  }
}
