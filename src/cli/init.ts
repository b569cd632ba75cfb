import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "clipanion";
import { DevenvError } from "../errors.ts";
import { DevenvCommand } from "./command.ts";

export class InitCommand extends DevenvCommand {
  static override paths = [["init"]];
  static override usage = Command.Usage({
    description: "write devenv.jsonc",
    details:
      "Writes a configuration with a Debian base, named after the directory. An existing one is never touched.",
  });

  protected async run(): Promise<number> {
    const { readTemplate, renderTemplate, templateName } = await import("../config/template.ts");
    const file = join(this.context.cwd, "devenv.jsonc");
    const name = templateName(this.context.cwd);
    const text = renderTemplate(await readTemplate("default"), { name });
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
