import { readFile } from "node:fs/promises";
import { type Node, parseTree } from "jsonc-parser";
import { DevenvError } from "../errors.ts";
import { writeFileAtomic } from "../files.ts";
import { canonicalJson } from "./canonical.ts";
import { lockProblems } from "./check.ts";
import type { Lock } from "./types.ts";

/** Reads a lock and checks every field of it; undefined when there is none. */
export async function readLock(file: string): Promise<Lock | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : parseLock(text, file);
}

/**
 * Checks the text of a lock, which may come from anyone who can open a pull request.
 *
 * @throws DevenvError `DEVENV_LOCK_INVALID`, or `DEVENV_LOCK_VERSION` when another version of devenv wrote it.
 */
export function parseLock(text: string, file: string): Lock {
  const value = parseJson(text, file);
  refuseOtherVersion(value, file);
  const problems = lockProblems(value);
  if (problems.length > 0) throw invalid(file, problems);
  const lock = value as Lock;
  // The text that devenv itself wrote has no key twice; only another text needs the slow look.
  const twice = text === formatLock(lock) ? [] : duplicateKeys(parseTree(text), "");
  if (twice.length > 0) throw invalid(file, twice);
  return lock;
}

/** The one text of a lock: sorted keys, two spaces, a final newline. */
export function formatLock(lock: Lock): string {
  return `${canonicalJson(lock, 2)}\n`;
}

/** Replaces the file in one step. A file that holds the same text already is left alone. */
export async function writeLock(file: string, lock: Lock): Promise<void> {
  const problems = lockProblems(lock);
  if (problems.length > 0)
    throw new Error(`Assertion failed: ${file} would be refused: ${problems.join("; ")}`);
  const text = formatLock(lock);
  if ((await readText(file)) === text) return;
  await writeFileAtomic(file, text);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new DevenvError("DEVENV_LOCK_UNREADABLE", `${file}: cannot be read`, { cause });
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const conflict = /^(<{7}|>{7}) /m.test(text);
    throw new DevenvError(
      "DEVENV_LOCK_INVALID",
      `${file}: found ${conflict ? "merge conflict markers" : "no JSON"}, expected a lock`,
      {
        cause,
        usage: true,
        hint: conflict
          ? "Take the whole file of either side, then `devenv lock`."
          : "Take it back from version control, or delete it and `devenv lock`.",
      },
    );
  }
}

function refuseOtherVersion(value: unknown, file: string): void {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "lockVersion")) return;
  const version = (value as { readonly lockVersion: unknown }).lockVersion;
  if (version === 1 || !Number.isSafeInteger(version)) return;
  throw new DevenvError("DEVENV_LOCK_VERSION", `${file}: found lockVersion ${version}, this devenv knows 1`, {
    usage: true,
    hint: "Another version of devenv wrote it: use that one, or delete the file and `devenv lock`.",
  });
}

const shownProblems = 10;

function invalid(file: string, problems: readonly string[]): DevenvError {
  const shown = problems.slice(0, shownProblems).map((problem) => `${file}: ${problem}`);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return new DevenvError("DEVENV_LOCK_INVALID", shown.join("\n  "), {
    usage: true,
    hint: "devenv did not write this. Take the file back from version control, or delete it and `devenv lock`.",
  });
}

function duplicateKeys(node: Node | undefined, path: string): string[] {
  if (node?.type === "array") {
    return (node.children ?? []).flatMap((item, index) => duplicateKeys(item, `${path}[${index}]`));
  }
  if (node?.type !== "object") return [];
  const seen = new Set<string>();
  return (node.children ?? []).flatMap((property) => {
    const [keyNode, value] = property.children ?? [];
    const key = String(keyNode?.value);
    const place = `${path}[${JSON.stringify(key)}]`;
    if (seen.has(key)) return [`${place}: found a second time, expected each key once`];
    seen.add(key);
    return duplicateKeys(value, place);
  });
}
