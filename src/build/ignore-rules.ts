import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import ignore, { type Ignore } from "ignore";

/** The rules of the files `.gitignore` that hold in one directory: those of it and of all above, the topmost first. */
export type IgnoreRules = readonly { readonly directory: string; readonly rules: Ignore }[];

/**
 * The rules that hold at the top of a project (gitignore(5)). Of the directories above, those of the same repository
 * count. What only one clone or one user ignores does not: a build is to be the same for everyone.
 */
export async function rulesAt(root: string): Promise<IgnoreRules> {
  const above: string[] = [];
  for (let directory = root; ; directory = dirname(directory)) {
    above.unshift(directory);
    if (await isThere(join(directory, ".git"))) break;
    if (directory === dirname(directory)) return await rulesBelow([], root);
  }
  let rules: IgnoreRules = [];
  for (const directory of above) rules = await rulesBelow(rules, directory);
  return rules;
}

/** The rules that hold in a directory, given those of the one above. */
export async function rulesBelow(rules: IgnoreRules, directory: string): Promise<IgnoreRules> {
  const text = await readFile(join(directory, ".gitignore"), "utf8").catch(() => "");
  return text === "" ? rules : [...rules, { directory, rules: ignore().add(text) }];
}

/** Whether a path, which nothing above is ignored of, is ignored; the deepest file that says something decides. */
export function isIgnored(all: IgnoreRules, path: string, isDirectory: boolean): boolean {
  for (const { directory, rules } of [...all].reverse()) {
    const { ignored, unignored } = rules.test(`${relative(directory, path)}${isDirectory ? "/" : ""}`);
    if (ignored || unignored) return ignored;
  }
  return false;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
