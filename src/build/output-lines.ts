/** The lines of a program's output as a terminal would show them at last, without what moves or colours them. */
export function plainLines(output: string): string[] {
  return withoutControls(output.trimEnd())
    .split("\n")
    .map((line) => line.slice(line.replace(/\r+$/, "").lastIndexOf("\r") + 1).replace(/\r+$/, ""));
}

/** The last line that says something; empty when there is none. */
export function lastLine(output: string): string {
  return (
    plainLines(output)
      .findLast((line) => line.trim() !== "")
      ?.trim() ?? ""
  );
}

/** Control sequences (ECMA-48), and what else a terminal obeys; line ends and tabs stay. */
function withoutControls(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])/g, "")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "")
  );
}
