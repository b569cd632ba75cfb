import { Command, Option } from "clipanion";
import type { Finding } from "../environment/doctor/finding.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson } from "./output.ts";

export class DoctorCommand extends DevenvCommand {
  static override paths = [["doctor"]];
  static override usage = Command.Usage({
    description: "what this host can and cannot do, and how to mend it",
    details:
      "Every requirement, what needs it and the commands for root that mend it. `missing`: nothing works without it; `limited`: only a configuration that asks for it does not; `untried`: known once what is missing is there. Fails when something is missing that every environment needs.",
  });

  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openStore } = await import("../store/store.ts");
    const { examineHost } = await import("../environment/doctor/doctor.ts");
    const findings = await examineHost(openStore);
    this.context.stdout.write(this.json ? formatJson(findings) : formatFindings(findings));
    return findings.some(({ state }) => state === "missing") ? 1 : 0;
  }
}

function formatFindings(findings: readonly Finding[]): string {
  const columns = findings.map(({ state, name, need, detail }) => [state, name, `for ${need}`, detail]);
  const width = (column: number): number => Math.max(...columns.map((cells) => cells[column]?.length ?? 0));
  const lines = findings.flatMap(({ remedy }, row) => [
    (columns[row] ?? []).map((cell, column) => (column === 3 ? cell : cell.padEnd(width(column)))).join("  "),
    ...(remedy.length === 0 ? [] : ["          mended by, as root:"]),
    ...remedy.map((step) => `            ${step}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}
