import type { Language } from "../../languages/index.ts";
import { lineOf } from "../../resolve/index.ts";

/**
 * Those of some versions, the newest first, that were there at a moment (milliseconds since 1970). Few are asked for
 * their time: of releases in one line each came after the one before.
 */
export async function* releasedBy(
  language: Language,
  versions: readonly string[],
  releasedAt: (version: string) => Promise<number>,
  moment: number,
): AsyncGenerator<string> {
  for (const line of linesOf(language, versions)) {
    let [first, end] = [0, line.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      if ((await releasedAt(line[middle] ?? "")) <= moment) end = middle;
      else first = middle + 1;
    }
    yield* line.slice(first);
  }
}

function linesOf(language: Language, versions: readonly string[]): string[][] {
  const lines: string[][] = [];
  let last = "";
  for (const version of versions) {
    const line = lineOf(language, version);
    if (line === last) lines.at(-1)?.push(version);
    else lines.push([version]);
    last = line;
  }
  return lines;
}
