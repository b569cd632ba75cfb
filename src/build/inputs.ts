import { createHash } from "node:crypto";
import { createReadStream, type Dirent, type Stats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import picomatch from "picomatch";
import { DevenvError } from "../errors.ts";
import { canonicalJson, type Digest, type InputFile } from "../lock/index.ts";
import { type IgnoreRules, isIgnored, rulesAt, rulesBelow } from "./ignore-rules.ts";

/** What one path or pattern of a command's inputs stands for. */
export interface InputTree {
  readonly pattern: string;
  /** Sorted by path, at least one. */
  readonly files: readonly InputFile[];
  /** Says all of that; its digest is the one that the lock holds. */
  readonly text: string;
  readonly digest: Digest;
}

/**
 * Reads what the inputs of a command are at present: content, executable bit, targets of links. A path counts whatever
 * `.gitignore` says; of a directory and of what patterns match, what is ignored is left out. `.git` and devenv.lock are
 * never inputs: building changes them.
 *
 * @param root real path of the project.
 * @param place of the command in the configuration, for messages: `layers[0]`.
 * @throws DevenvError `DEVENV_INPUT_MISSING` when nothing is found, `DEVENV_INPUT_OUTSIDE` when something leads out of
 * the project, `DEVENV_INPUT_UNREADABLE`.
 */
export async function readInputs(
  root: string,
  patterns: readonly string[],
  place: string,
): Promise<InputTree[]> {
  const trees: InputTree[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const search = { root, pattern, about: `${place}.inputs[${index}]` };
    const paths = await findPaths(search);
    if (paths.length === 0) throw missing(search);
    const files = await inGroups(paths, (path) => readFileOf(search, path));
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    trees.push({ pattern, files, ...treeText(files) });
  }
  return trees;
}

/** The text that stands for files, and its digest. */
export function treeText(files: readonly InputFile[]): { text: string; digest: Digest } {
  const text = `${canonicalJson(files)}\n`;
  return { text, digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
}

/** SHA-256 of a file's bytes. */
export async function digestOfFile(file: string): Promise<Digest> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest("hex")}`;
}

interface Search {
  readonly root: string;
  readonly pattern: string;
  /** Where in the configuration it stands. */
  readonly about: string;
}

async function findPaths(search: Search): Promise<string[]> {
  const { root } = search;
  const path = search.pattern.replace(/\/$/, "");
  if (basenameOf(path) === lockName && dirname(path) === ".") throw isLock(search);
  const status = await lstat(join(root, path)).catch(() => undefined);
  if (status === undefined) {
    const { base } = picomatch.scan(path);
    const matches = picomatch(path, { dot: true, flags: "s", noextglob: true, nonegate: true });
    return await walk(search, { below: base, rules: await rulesAt(root), matches });
  }
  await checkParents(search, path);
  if (!status.isDirectory()) return [path];
  const rules = (await isIgnoredOnTheWay(root, path)) ? undefined : await rulesAt(root);
  return await walk(search, { below: path, rules, matches: (found) => found.startsWith(`${path}/`) });
}

interface Walk {
  /** Nothing beside this directory is looked at. */
  readonly below: string;
  /** Those at the top; undefined where nothing is ignored. */
  readonly rules: IgnoreRules | undefined;
  readonly matches: (path: string) => boolean;
}

async function walk(search: Search, { below, matches, rules }: Walk): Promise<string[]> {
  const found: string[] = [];
  const visit = async (directory: string, present: IgnoreRules | undefined): Promise<void> => {
    for (const entry of await entriesOf(search, directory)) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      const isDirectory = entry.isDirectory();
      if (entry.name === ".git" || path === lockName) continue;
      if (!(below === "" || `${path}/`.startsWith(`${below}/`) || `${below}/`.startsWith(`${path}/`)))
        continue;
      if (present !== undefined && isIgnored(present, join(search.root, path), isDirectory)) continue;
      if (isDirectory) await visit(path, present && (await rulesBelow(present, join(search.root, path))));
      else if ((entry.isFile() || entry.isSymbolicLink()) && matches(path)) found.push(path);
    }
  };
  await visit("", rules);
  return found;
}

async function entriesOf(search: Search, directory: string): Promise<Dirent[]> {
  try {
    return await readdir(join(search.root, directory), { withFileTypes: true });
  } catch (cause) {
    throw unreadable(search, directory, cause);
  }
}

async function isIgnoredOnTheWay(root: string, path: string): Promise<boolean> {
  let rules = await rulesAt(root);
  let current = root;
  for (const name of path.split("/")) {
    current = join(current, name);
    if (isIgnored(rules, current, true)) return true;
    rules = await rulesBelow(rules, current);
  }
  return false;
}

/** A directory on the way may be a link to somewhere else. */
async function checkParents(search: Search, path: string): Promise<void> {
  const above = dirname(path);
  if (above === ".") return;
  const real = await realpath(join(search.root, above));
  if (real !== search.root && !real.startsWith(`${search.root}${sep}`))
    throw outside(search, `${above} leads to ${real}`);
}

async function readFileOf(search: Search, path: string): Promise<InputFile> {
  const file = join(search.root, path);
  try {
    const status = await lstat(file);
    if (status.isSymbolicLink()) return await readLinkOf(search, path);
    if (!status.isFile()) throw unreadable(search, path, new Error(`${kindOf(status)} is no file`));
    const executable = (status.mode & 0o100) !== 0;
    const digest = await digestOfFile(file);
    return { kind: "file", path, executable, size: status.size, digest };
  } catch (cause) {
    throw cause instanceof DevenvError ? cause : unreadable(search, path, cause);
  }
}

/** Where the command runs, there is nothing but the inputs: what leads elsewhere would lead to nothing. */
async function readLinkOf(search: Search, path: string): Promise<InputFile> {
  const target = await readlink(join(search.root, path));
  const joined = normalize(join(dirname(path), target));
  if (isAbsolute(target) || joined === ".." || joined.startsWith("../"))
    throw outside(search, `${path} is a link to ${target}`);
  const real = await realpath(join(search.root, path)).catch(() => undefined);
  if (real !== undefined && real !== search.root && !real.startsWith(`${search.root}${sep}`))
    throw outside(search, `${path} leads to ${real}`);
  return { kind: "link", path, target };
}

/** So many files are read at the same time. */
const groupSize = 16;

async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += groupSize)
    results.push(...(await Promise.all(items.slice(start, start + groupSize).map(work))));
  return results;
}

const lockName = "devenv.lock";

function basenameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function kindOf(status: Stats): string {
  return status.isFIFO() ? "a pipe" : status.isSocket() ? "a socket" : "a device";
}

function missing({ about, pattern }: Search): DevenvError {
  return new DevenvError("DEVENV_INPUT_MISSING", `${about}: ${JSON.stringify(pattern)} matches no file`, {
    about: [about],
    usage: true,
    hint: "Paths are relative to the project. What .gitignore ignores has to be named without a pattern.",
  });
}

function outside({ about }: Search, why: string): DevenvError {
  const message = `${about}: ${why}, out of the project`;
  return new DevenvError("DEVENV_INPUT_OUTSIDE", message, {
    about: [about],
    usage: true,
    hint: "A step sees nothing but its inputs, which are the same for everyone who has the project.",
  });
}

function unreadable({ about }: Search, path: string, cause: unknown): DevenvError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DevenvError("DEVENV_INPUT_UNREADABLE", `${about}: ${path} cannot be read: ${reason}`, {
    about: [about],
    cause,
  });
}

function isLock({ about }: Search): DevenvError {
  return new DevenvError(
    "DEVENV_INPUT_MISSING",
    `${about}: devenv.lock cannot be an input of what it records`,
    {
      about: [about],
      usage: true,
    },
  );
}
