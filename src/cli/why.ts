import { Command, Option } from "clipanion";
import type { PackageReasons } from "../environment/why.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson } from "./output.ts";

export class WhyCommand extends DevenvCommand {
  static override paths = [["why"]];
  static override usage = Command.Usage({
    description: "who asked for a package",
    details:
      "Shows, for each platform of the lock, the chains that lead from the configuration, or from what every base has, to the package. `--json` holds all of them.",
    examples: [["Why is perl here?", "devenv why perl"]],
  });

  name = Option.String({ name: "NAME" });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openProject } = await import("./project.ts");
    const { explainPackage } = await import("../environment/why.ts");
    const { store, project, configuration } = await openProject(this.context.cwd);
    const groups = await explainPackage(store, project, configuration, this.name);
    this.context.stdout.write(this.json ? formatJson(groups) : groups.map(describe).join("\n"));
    return 0;
  }
}

const CHAINS_SHOWN = 4;

function describe({ platforms, reasons }: PackageReasons): string {
  return reasons
    .map(({ name, version, layer, chains }) => {
      const lines = [
        `${name} ${version}, of the ${layer === "base" ? "base" : "packages"}, ${platforms.join(" and ")}`,
      ];
      for (const chain of chains.slice(0, CHAINS_SHOWN)) {
        for (const [depth, step] of chain.entries())
          lines.push(`${"  ".repeat(depth + 1)}${step.name} ${step.version} (${step.because})`);
      }
      const more = chains.length - CHAINS_SHOWN;
      if (more > 0) lines.push(`  and ${more} more ${more === 1 ? "chain" : "chains"}`);
      return lines.map((line) => `${line}\n`).join("");
    })
    .join("\n");
}
