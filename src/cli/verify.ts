import { Command, Option } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";
import { platformDescription } from "./starting.ts";

export class VerifyCommand extends DevenvCommand {
  static override paths = [["verify"]];
  static override usage = Command.Usage({
    description: "build from nothing and compare with devenv.lock",
    details:
      "Builds the image once more in a store of its own, under other circumstances: time zone, language, umask, user's and host's name, number of processors. Fails when it is not the one that devenv.lock records, and names the files that differ and in what.",
  });

  platform = Option.String("--platform", { description: platformDescription });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { verifyProject } = await import("../environment/verify/verify-project.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const platform = this.platform as Platform | undefined;
    const verification = await withView(this.context.stderr, (observer) =>
      located(() => verifyProject(store, project, configuration, { observer, platform })),
    );
    const { describeVerification } = await import("./verify-view.ts");
    const text = this.json ? formatJson(verification) : describeVerification(verification);
    this.context.stdout.write(text);
    return verification.isSame ? 0 : 1;
  }
}
