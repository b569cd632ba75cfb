import type { Node } from "jsonc-parser";
import { DevenvError } from "../errors.ts";
import { position } from "./problem.ts";
import { arrayMember, membersOf, parseSyntax, stringMember } from "./syntax.ts";
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
    const lines = error.message
      .split("\n")
      // Lines about nothing explain the one before.
      .map((line, i) => (i < about.length ? `${placeOf(file, text, about[i])}: ${line}` : line));
    throw new DevenvError(code, lines.join("\n"), { cause, usage, ...(hint === undefined ? {} : { hint }) });
  }
}

function placeOf(file: string, text: string, name: string | undefined): string {
  const { root } = parseSyntax(text);
  const node = root && (layerNode(root, name) ?? namedNode(root, name));
  return node === undefined ? file : `${file}:${position(text, node.offset)}`;
}

function namedNode(root: Node, name: string | undefined): Node | undefined {
  const language = /^languages\.(.+)$/.exec(name ?? "")?.[1];
  if (language !== undefined) return languageNode(root, language);
  const texts = [stringMember(root, "base"), stringMember(root, "asOf")];
  return [...arrayMember(root, "packages"), ...texts].find((one) => one?.value === name);
}

/** `layers[0]` is about its command, `layers[0].inputs[1]` about one of its inputs. */
function layerNode(root: Node, name: string | undefined): Node | undefined {
  const match = /^layers\[(\d+)\](?:\.inputs\[(\d+)\])?$/.exec(name ?? "");
  const layer = match && arrayMember(root, "layers")[Number(match[1])];
  if (layer === undefined || layer === null) return undefined;
  return match?.[2] === undefined
    ? stringMember(layer, "run")
    : arrayMember(layer, "inputs")[Number(match[2])];
}

function languageNode(root: Node | undefined, name: string): Node | undefined {
  const languages = root && membersOf(root).find(({ key }) => key === "languages");
  return languages && membersOf(languages.value).find(({ key }) => key === name)?.value;
}
