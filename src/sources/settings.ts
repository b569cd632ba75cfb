import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { DevenvError } from "../errors.ts";
import { isObject } from "./json.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the user set for all projects. */
export interface Settings {
  readonly file: string;
  /** By the names that stand in the file; what each room makes of its own is its own matter. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads `devenv/settings.jsonc` below `$XDG_CONFIG_HOME` or `~/.config`; without the file nothing is set.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID` when it is not one object in JSON with comments.
 */
export function readSettings(environment: Environment): Settings {
  const home = environment["HOME"] ?? homedir();
  const file = join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "devenv", "settings.jsonc");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return { file, values: {} };
  }
  const errors: ParseError[] = [];
  const values: unknown = parse(text, errors, { allowTrailingComma: true });
  const error = errors[0];
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split("\n").length;
    throw settingsError(`${file}:${line}: ${printParseErrorCode(error.error)}`);
  }
  if (!isObject(values)) throw settingsError(`${file}: found no object`);
  return { file, values };
}

/** `DEVENV_SETTINGS_INVALID`; `hint` shows how the setting is written. */
export function settingsError(message: string, hint = "Settings are JSON with comments."): DevenvError {
  return new DevenvError("DEVENV_SETTINGS_INVALID", message, { usage: true, hint });
}
