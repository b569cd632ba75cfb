import { Command, Option, UsageError } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, isTerminal, withView } from "./output.ts";
import { platformDescription } from "./starting.ts";

export class BuildCommand extends DevenvCommand {
  static override paths = [["build"]];
  static override usage = Command.Usage({
    description: "make the image, start nothing",
    details:
      'Locks when needed, builds what the store does not have, and records the image\'s digest in devenv.lock. `--frozen` fails when the lock would change. `--update-layers` runs the commands of "layers" again that reach the network, and accepts what all of them give now.',
    examples: [['Look around where a command of "layers" failed', "devenv build --shell-on-failure"]],
  });

  frozen = Option.Boolean("--frozen", false, { description: "fail instead of changing devenv.lock" });
  platform = Option.String("--platform", { description: platformDescription });
  updateLayers = Option.Boolean("--update-layers", false, {
    description: 'run the commands of "layers" with a network again; record what all give now',
  });
  shellOnFailure = Option.Boolean("--shell-on-failure", false, {
    description: 'open a shell in the sandbox of a command of "layers" that failed',
  });
  /** What `verify` builds with. */
  unrecorded = Option.Boolean("--unrecorded", false, { hidden: true });
  json = Option.Boolean("--json", false, { description: "print digest and layers as JSON" });

  protected async run(): Promise<number> {
    const { frozen, shellOnFailure, unrecorded, updateLayers } = this;
    const { stdin, stdout } = this.context;
    if (frozen && updateLayers)
      throw new UsageError("--update-layers changes devenv.lock, which --frozen forbids");
    if (shellOnFailure && !(isTerminal(stdin) && isTerminal(stdout)))
      throw new UsageError("--shell-on-failure needs a terminal, to type into the shell");
    const { openProject } = await import("./project.ts");
    const { buildProject } = await import("../environment/index.ts");
    const { store, project, configuration, located } = await openProject(this.context.cwd);
    const wanted = this.platform as Platform | undefined;
    const { image, platform } = await withView(this.context.stderr, (observer) =>
      located(() =>
        buildProject(store, project, configuration, {
          observer,
          frozen,
          platform: wanted,
          shellOnFailure,
          unrecorded,
          updateLayers,
        }),
      ),
    );
    const { digest, layers } = image;
    if (this.json) this.context.stdout.write(formatJson({ platform, digest, layers }));
    else this.context.stdout.write(`${platform} ${digest}\n`);
    return 0;
  }
}
