import { Command, Option } from "clipanion";
import { removePackages } from "../config/index.ts";
import { DevenvCommand } from "./command.ts";
import { editConfiguration } from "./edit.ts";

export class RemoveCommand extends DevenvCommand {
  static override paths = [["remove"]];
  static override usage = Command.Usage({
    description: "remove packages from devenv.jsonc",
    details: "Comments and formatting of the file are kept.",
    examples: [["Remove a package", "devenv remove git"]],
  });

  names = Option.Rest({ required: 1, name: "NAME" });

  protected async run(): Promise<number> {
    return await editConfiguration(this.context.stdout, (text) => removePackages(text, this.names));
  }
}
