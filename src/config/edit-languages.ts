import { applyEdits, findNodeAtLocation, type JSONPath, modify } from "jsonc-parser";
import { DevenvError } from "../errors.ts";
import { languageNames } from "../languages/index.ts";
import { configurationError } from "./problem.ts";
import { didYouMean } from "./similar.ts";
import { parseSyntax } from "./syntax.ts";

/** `python@3.9`: a language and its range; undefined for what has no range and so is a package. */
export function parseLanguageWord(word: string): { language: string; range: string } | undefined {
  const at = word.indexOf("@");
  if (at < 0) return undefined;
  const [language, range] = [word.slice(0, at), word.slice(at + 1)];
  if ((languageNames as readonly string[]).includes(language) && range !== "") return { language, range };
  throw new DevenvError(
    "DEVENV_LANGUAGE_UNKNOWN",
    `found ${JSON.stringify(word)}, expected a language and a range such as python@3.9${didYouMean(language, languageNames)}`,
    {
      usage: true,
      hint: `The languages are ${languageNames.join(", ")}. Packages are named without a version.`,
    },
  );
}

/** Sets the range of a language in the text of a configuration; its source and all comments stay as they are. */
export function setLanguage(text: string, language: string, range: string, file: string): string {
  const asked = languageNode(text, language, file);
  const path = asked?.type === "object" ? ["languages", language, "version"] : ["languages", language];
  return change(text, path, range);
}

/** Removes a language from the text of a configuration; undefined when it does not ask for it. */
export function removeLanguage(text: string, language: string, file: string): string | undefined {
  if (languageNode(text, language, file) === undefined) return undefined;
  return change(text, ["languages", language], undefined);
}

function languageNode(text: string, language: string, file: string) {
  const { root, problems } = parseSyntax(text);
  if (problems.length > 0 || root === undefined) throw configurationError(file, text, problems);
  return findNodeAtLocation(root, ["languages", language]);
}

function change(text: string, path: JSONPath, value: string | undefined): string {
  const indentation = /^[ \t]+(?=\S)/m.exec(text)?.[0] ?? "  ";
  const formattingOptions = {
    insertSpaces: !indentation.startsWith("\t"),
    tabSize: indentation.startsWith("\t") ? 1 : indentation.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
  return applyEdits(text, modify(text, path, value, { formattingOptions }));
}
