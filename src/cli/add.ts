import { Command, Option } from "clipanion";
import { DevenvCommand } from "./command.ts";

export class AddCommand extends DevenvCommand {
  static override paths = [["add"]];
  static override usage = Command.Usage({
    description: "add packages and languages to devenv.jsonc and lock",
    details:
      "Comments and formatting of the file are kept. When the lock cannot be made, nothing is changed.",
    examples: [
      ["Add two packages", "devenv add git libpq-dev"],
      ["Add a language, or ask for another version of it", "devenv add python@3.9"],
    ],
  });

  names = Option.Rest({ required: 1, name: "NAME" });

  protected async run(): Promise<number> {
    const { addNames } = await import("../config/index.ts");
    const { editConfiguration } = await import("./edit.ts");
    return await editConfiguration(this.context, (text, file) => addNames(text, this.names, file));
  }
}
