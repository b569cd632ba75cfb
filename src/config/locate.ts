import { DevenvError } from "../errors.ts";
import { position } from "./problem.ts";
import { arrayMember, parseSyntax, stringMember } from "./syntax.ts";
import type { LoadedConfiguration } from "./types.ts";

/**
 * Does work on what a configuration asks for. An error about names in it comes out with the place where each stands:
 * `FILE:LINE:COLUMN: …`.
 */
export async function withPositions<T>(
  { file, text }: Pick<LoadedConfiguration, "file" | "text">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DevenvError) || error.about.length === 0) throw error;
    const { about, cause, code, hint, usage } = error;
    const lines = error.message.split("\n").map((line, i) => `${placeOf(file, text, about[i])}: ${line}`);
    throw new DevenvError(code, lines.join("\n"), { cause, usage, ...(hint === undefined ? {} : { hint }) });
  }
}

function placeOf(file: string, text: string, name: string | undefined): string {
  const { root } = parseSyntax(text);
  const nodes = root && [...arrayMember(root, "packages"), stringMember(root, "base")];
  const node = nodes?.find((one) => one?.value === name);
  return node === undefined ? file : `${file}:${position(text, node.offset)}`;
}
