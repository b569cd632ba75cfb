import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** The text of the configuration that `init` writes, placeholders still in it. */
export async function readTemplate(template: string): Promise<string> {
  // Beside the bundle in an installation, at the top of the tree when the sources themselves run.
  const places = ["templates", "../../templates"].map((place) =>
    fileURLToPath(new URL(`${place}/${template}/devenv.jsonc`, import.meta.url)),
  );
  const file = places.find((place) => existsSync(place));
  if (file === undefined)
    throw new Error(`Assertion failed: the template is at none of ${places.join(", ")}`);
  return await readFile(file, "utf8");
}

/** Puts values in the place of `{{name}}`, escaped for a JSON string. */
export function renderTemplate(text: string, values: { readonly name: string }): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, placeholder: string) => {
    if (placeholder !== "name")
      throw new Error(`Assertion failed: the template has no value for {{${placeholder}}}`);
    return JSON.stringify(values.name).slice(1, -1);
  });
}

/** Adds the day as of which a project is resolved, behind its base. */
export function addAsOf(text: string, day: string): string {
  const line = `  // What there was at the end of that day (UTC).\n  "asOf": ${JSON.stringify(day)},\n`;
  return text.replace(/^ *"base": .*\n/m, (base) => `${base}\n${line}`);
}

/** A valid name for the environment of a project, made from the name of its directory. */
export function templateName(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, "-")
    .replace(/^[_.-]+/, "")
    .slice(0, 63)
    .replace(/[_.-]+$/, "");
  return name === "" ? "project" : name;
}
