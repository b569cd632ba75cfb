import { DevenvError } from "../errors.ts";

/** One mistake in a configuration. */
export interface Problem {
  /** Where it stands, in UTF-16 code units from the start of the text. */
  readonly offset: number;
  /** What is wrong, what was expected, and "did you mean". */
  readonly message: string;
  /** Something required does not stand anywhere, as far as the text was understood. */
  readonly missing?: true;
}

/** The error that lists all mistakes of one file, first line first. */
export function configurationError(file: string, text: string, problems: readonly Problem[]): DevenvError {
  const lines = [...problems]
    .sort((a, b) => a.offset - b.offset)
    .map((problem) => `${file}:${position(text, problem.offset)}: ${problem.message}`);
  const message =
    lines.length === 1 ? lines.join("") : [`${file}: ${lines.length} mistakes`, ...lines].join("\n  ");
  return new DevenvError("DEVENV_CONFIG_INVALID", message, { usage: true });
}

/** `LINE:COLUMN` as editors count them: from 1, a tab is one column. */
export function position(text: string, offset: number): string {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
