import { Command, Option } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";
import { platformDescription } from "./starting.ts";

export class BuildCommand extends DevenvCommand {
  static override paths = [["build"]];
  static override usage = Command.Usage({
    description: "make the image, start nothing",
    details:
      "Locks when needed, builds what the store does not have, and records the image's digest in devenv.lock. `--frozen` fails when the lock would change.",
  });

  frozen = Option.Boolean("--frozen", false, { description: "fail instead of changing devenv.lock" });
  platform = Option.String("--platform", { description: platformDescription });
  json = Option.Boolean("--json", false, { description: "print digest and layers as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { buildProject } = await import("../environment/index.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const { frozen } = this;
    const wanted = this.platform as Platform | undefined;
    const { image, platform } = await withView(this.context.stderr, (observer) =>
      located(() => buildProject(store, project, configuration, { observer, frozen, platform: wanted })),
    );
    const { digest, layers } = image;
    if (this.json) this.context.stdout.write(formatJson({ platform, digest, layers }));
    else this.context.stdout.write(`${platform} ${digest}\n`);
    return 0;
  }
}
