import { Command, Option, UsageError } from "clipanion";
import type { Collection } from "../environment/gc/collect.ts";
import { DevenvCommand } from "./command.ts";
import { formatBytes, formatJson, formatTable } from "./output.ts";

const usual = "30d";

/** Milliseconds. */
const units = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

export class GcCommand extends DevenvCommand {
  static override paths = [["gc"]];
  static override usage = Command.Usage({
    description: "free space: what no environment needs and nobody used for a while",
    details:
      "Keeps every environment with its home, its volumes and the layers that it stands on, what the locks of their projects record, and what was used in the last 30 days; all that it takes is made or fetched again when it is wanted. It may run beside other commands: what they use stays, with `--all` too.",
    examples: [
      ["What was not used for a week", "devenv gc --older-than 7d"],
      ["Everything that no environment stands on", "devenv gc --all"],
    ],
  });

  olderThan = Option.String("--older-than", { description: `${usual} unless given; m, h, d or w` });
  all = Option.Boolean("--all", false, { description: "also what was used just now" });
  dryRun = Option.Boolean("--dry-run", false, { description: "only say what would be freed" });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    if (this.all && this.olderThan !== undefined)
      throw new UsageError("--all and --older-than exclude each other");
    const olderThan = this.all ? 0 : milliseconds(this.olderThan ?? usual);
    const { openStore } = await import("../store/store.ts");
    const { collect } = await import("../environment/gc/collect.ts");
    const collection = await collect(await openStore(), { olderThan, dryRun: this.dryRun });
    const { stderr, stdout } = this.context;
    for (const id of collection.unclear)
      stderr.write(
        `${id}: its state is damaged, so all layers are kept; mend it with \`devenv up\` in its project, or \`devenv rm ${id}\`\n`,
      );
    stdout.write(this.json ? formatJson(collection) : formatCollection(collection));
    return 0;
  }
}

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (number === undefined)
    throw new UsageError(`--older-than: found ${text}, expected a number and m, h, d or w, such as 30d`);
  return Number(number) * units[unit as keyof typeof units];
}

function formatCollection({ bytes, dryRun, freed }: Collection): string {
  const rows = freed.filter(({ count }) => count > 0);
  const verb = dryRun ? "would be freed" : "freed";
  if (rows.length === 0) return dryRun ? "nothing would be freed\n" : "nothing to free\n";
  const table = formatTable(
    ["KIND", "COUNT", "SIZE"],
    rows.map((row) => [row.kind, String(row.count), formatBytes(row.bytes)]),
  );
  return `${table}${formatBytes(bytes)} ${verb}\n`;
}
