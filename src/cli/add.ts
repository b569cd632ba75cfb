import { Command, Option } from "clipanion";
import { addPackages } from "../config/index.ts";
import { DevenvCommand } from "./command.ts";
import { editConfiguration } from "./edit.ts";

export class AddCommand extends DevenvCommand {
  static override paths = [["add"]];
  static override usage = Command.Usage({
    description: "add packages to devenv.jsonc",
    details: "Comments and formatting of the file are kept.",
    examples: [["Add two packages", "devenv add git libpq-dev"]],
  });

  names = Option.Rest({ required: 1, name: "NAME" });

  protected async run(): Promise<number> {
    return await editConfiguration(this.context.stdout, (text) => addPackages(text, this.names));
  }
}
