import { Command, Option } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";

export class PushCommand extends DevenvCommand {
  static override paths = [["push"]];
  static override usage = Command.Usage({
    description: "push the image to a registry",
    details:
      "Builds the image when the store does not have it, and pushes it so that Docker, Podman and Kubernetes run it and `devenv pull` brings it to a machine with the same lock. What the registry has is not sent again. A tag that holds images of other platforms for the same lock keeps them.",
    examples: [["Share the image", "devenv push ghcr.io/acme/shop-api:main"]],
  });

  reference = Option.String({ name: "REF" });
  platform = Option.String("--platform", { description: "that of this host unless given" });
  frozen = Option.Boolean("--frozen", false, { description: "fail instead of changing devenv.lock" });
  json = Option.Boolean("--json", false, { description: "print digests and layers as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { atWork } = await import("../environment/at-work.ts");
    const { pushProject } = await import("../environment/push-project.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const options = { frozen: this.frozen, platform: this.platform as Platform | undefined };
    const pushed = await withView(this.context.stderr, (observer) =>
      located(() =>
        atWork(store, () =>
          pushProject(store, project, configuration, this.reference, { ...options, observer }),
        ),
      ),
    );
    const { digest, platforms, reference } = pushed;
    const line = `${reference}@${digest} ${platforms.join(" ")}\n`;
    this.context.stdout.write(this.json ? formatJson(pushed) : line);
    return 0;
  }
}
