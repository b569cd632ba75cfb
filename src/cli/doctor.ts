import { Command, Option } from "clipanion";
import type { Finding } from "../environment/doctor.ts";
import { DevenvCommand } from "./command.ts";

export class DoctorCommand extends DevenvCommand {
  static override paths = [["doctor"]];
  static override usage = Command.Usage({
    description: "what this host can and cannot do, and how to mend it",
    details: "Fails when something is missing that every environment needs.",
  });

  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { examineHost } = await import("../environment/doctor.ts");
    const { openStore } = await import("../store/index.ts");
    const { formatJson } = await import("./output.ts");
    const findings = await examineHost(await openStore());
    this.context.stdout.write(this.json ? formatJson(findings) : findings.map(line).join(""));
    return findings.some(({ state }) => state === "missing") ? 1 : 0;
  }
}

function line({ name, state, detail, remedy }: Finding): string {
  const steps = remedy.map((step) => `           ${step}\n`).join("");
  return `${state.padEnd(8)}  ${name}: ${detail}\n${steps}`;
}
