import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";

export class RemoveCommand extends DevenvCommand {
  static override paths = [["remove"]];
  static override usage = Command.Usage({
    description: "remove packages and languages from devenv.jsonc and lock",
    details:
      "Comments and formatting of the file are kept. When the lock cannot be made, nothing is changed.",
    examples: [["Remove a package", "devenv remove git"]],
  });

  names = Option.Rest({ required: 1, name: "NAME" });

  protected async run(): Promise<number> {
    const { removeNames } = await import("../config/index.ts");
    const { editConfiguration } = await import("./edit.ts");
    return await editConfiguration(this.context, (text, file) => removeNames(text, this.names, file));
  }
}
