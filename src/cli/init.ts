import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option, UsageError } from "clipanion";
import { DevenvError } from "../errors.ts";
import { DevenvCommand } from "./command.ts";

export class InitCommand extends DevenvCommand {
  static override paths = [["init"]];
  static override usage = Command.Usage({
    description: "write devenv.jsonc",
    details:
      "Writes a configuration with a Debian base, named after the directory. An existing one is never touched. With `--as-of 2024-03-17` it gets what there was at the end of that day.",
  });

  asOf = Option.String("--as-of", { description: "a day such as 2024-03-17" });

  protected async run(): Promise<number> {
    const { addAsOf, readTemplate, renderTemplate, templateName } = await import("../config/template.ts");
    const file = join(this.context.cwd, "devenv.jsonc");
    const name = templateName(this.context.cwd);
    const { asOf } = this;
    const { isDay } = await import("../day.ts");
    if (asOf !== undefined && !isDay(asOf))
      throw new UsageError(`--as-of: found ${JSON.stringify(asOf)}, expected a day such as 2024-03-17`);
    const template = renderTemplate(await readTemplate("default"), { name });
    const text = asOf === undefined ? template : addAsOf(template, asOf);
    try {
      await writeFile(file, text, { flag: "wx" });
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
      throw new DevenvError("DEVENV_INIT", `${file}: ${exists ? "exists already" : "cannot be written"}`, {
        cause: error,
        usage: exists,
        ...(exists ? { hint: "Edit it, or use `devenv add` and `devenv remove`." } : {}),
      });
    }
    this.context.stdout.write(`devenv.jsonc written for ${name}\n`);
    return 0;
  }
}
