import { Command, Option } from "clipanion";
import type { EnvironmentStatus } from "../environment/status.ts";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatLimit } from "./limit-view.ts";
import { formatFacts, formatJson } from "./output.ts";
import { platformDescription } from "./starting.ts";

export class StatusCommand extends DevenvCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    description: "the environment of this project",
    details: "State, image, limits and what is used of them, mounts.",
  });

  platform = Option.String("--platform", { description: platformDescription });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { describeStatus } = await import("../environment/status.ts");
    const { store, project, configuration } = await openProject(this.context.cwd);
    const status = await describeStatus(store, project, configuration, this.platform as Platform | undefined);
    const { stdout } = this.context;
    stdout.write(this.json ? formatJson(status) : formatFacts(facts(status)));
    return 0;
  }
}

function facts(status: EnvironmentStatus): [string, string][] {
  const { limits, mounts, network } = status;
  return [
    ["name", status.name],
    ["state", stateText(status)],
    ["project", status.project],
    ["lock", status.isLocked ? "fits devenv.jsonc" : "does not fit devenv.jsonc; `devenv lock` mends it"],
    ...(status.image === undefined ? [] : [["image", status.image] as [string, string]]),
    ...limits.map((item): [string, string] => [item.limit, formatLimit(item)]),
    [
      "network",
      network.lost === undefined
        ? network.kind
        : `${network.kind}, lost: ${network.lost}; \`devenv up\` starts it again`,
    ],
    ...network.ports.map(({ host, inside }): [string, string] => [
      "port",
      `${inside} at 127.0.0.1:${host} and [::1]:${host} of the host`,
    ]),
    ...network.hostPorts.map((port): [string, string] => [
      "host port",
      `127.0.0.1:${port} of the host at 127.0.0.1:${port}`,
    ]),
    ...mounts.map(({ source, target }): [string, string] => ["mount", `${target} from ${source}`]),
  ];
}

function stateText({ state, pid, started, isCurrent, isComplete }: EnvironmentStatus): string {
  if (state !== "running") return state;
  const notes = [
    ...(isComplete ? [] : ["a hook has not come to its end"]),
    ...(isCurrent ? [] : ["devenv.jsonc or devenv.lock changed since the last `devenv up`"]),
  ];
  return [`running since ${started ?? "an unknown time"}, process ${pid}`, ...notes].join("; ");
}
