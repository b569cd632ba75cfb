import {
  applyEdits,
  createScanner,
  type Edit,
  findNodeAtLocation,
  getNodeValue,
  type Node,
} from "jsonc-parser";
import { DevenvError } from "../errors.ts";
import { parseLanguageWord, removeLanguage, setLanguage } from "./edit-languages.ts";
import { configurationError } from "./problem.ts";
import { configSchema } from "./schema.ts";
import { didYouMean } from "./similar.ts";
import { membersOf, parseSyntax } from "./syntax.ts";

/**
 * Adds packages, and languages as `python@3.9`, to the text of a configuration. Comments, formatting and what is there
 * already stay as they are; a sorted list without comments stays sorted.
 */
export function addNames(text: string, words: readonly string[], file = "devenv.jsonc"): string {
  const wanted = words.map((word) => parseLanguageWord(word) ?? checkName(word));
  return wanted.reduce<string>(
    (current, one) =>
      typeof one === "string"
        ? addPackage(current, one, file)
        : setLanguage(current, one.language, one.range, file),
    text,
  );
}

/** Removes packages, with the comment behind one in its own line, and languages from the text of a configuration. */
export function removeNames(text: string, names: readonly string[], file = "devenv.jsonc"): string {
  return names.reduce(
    (current, name) => removeLanguage(current, name, file) ?? removePackage(current, name, file),
    text,
  );
}

function addPackage(text: string, name: string, file: string): string {
  const list = packageList(text, file);
  if (list === undefined)
    return verified(text, insertMember(text, rootOf(text, file), `"packages": ["${name}"]`), file, [name]);
  const before = namesIn(list);
  if (before.includes(name)) return text;
  const index = insertionIndex(text, list, before, name);
  const edits = insertItem(text, list, index, JSON.stringify(name));
  return verified(text, edits, file, [...before.slice(0, index), name, ...before.slice(index)]);
}

function removePackage(text: string, name: string, file: string): string {
  const list = packageList(text, file);
  const before = list === undefined ? [] : namesIn(list);
  const index = before.indexOf(name);
  if (list === undefined || index < 0) {
    throw new DevenvError(
      "DEVENV_PACKAGE_NOT_LISTED",
      `${file}: found no package ${JSON.stringify(name)} in "packages"${didYouMean(name, before)}`,
      { usage: true, hint: "`devenv why NAME` says who asked for a package that is not in the list." },
    );
  }
  const after = before.filter((_, i) => i !== index);
  return verified(text, removeItem(text, list, index), file, after);
}

function insertionIndex(text: string, list: Node, names: readonly string[], name: string): number {
  const isSorted = names.every((item, i) => i === 0 || (names[i - 1] ?? "") <= item);
  const hasComments = tokens(text, list.offset, end(list)).some(({ kind }) => kind === "comment");
  const later = isSorted && names.length > 1 && !hasComments ? names.findIndex((item) => item > name) : -1;
  return later < 0 ? names.length : later;
}

function insertItem(text: string, list: Node, index: number, item: string): Edit[] {
  const items = list.children ?? [];
  const [first, previous, next] = [items[0], items[index - 1], items[index]];
  if (first === undefined) return insertFirst(text, list, item);
  if (previous === undefined) {
    const separator = startsLine(text, first) ? `,${eol(text)}${indentation(text, first)}` : ", ";
    return [insert(first.offset, `${item}${separator}`)];
  }
  return insertAfter(text, previous, item, next === undefined);
}

/** Into an object or list that has nothing in it but perhaps comments. */
function insertFirst(text: string, parent: Node, item: string): Edit[] {
  const [inner, close] = [parent.offset + 1, end(parent) - 1];
  const comments = tokens(text, inner, close).filter(({ kind }) => kind === "comment");
  const last = comments.at(-1);
  if (last === undefined && !text.slice(inner, close).includes("\n")) return [replace(inner, close, item)];
  const outer = lineIndentation(text, parent.offset);
  const line = `${eol(text)}${outer}${indentationUnit(text)}${item}`;
  return last === undefined
    ? [replace(inner, close, `${line}${eol(text)}${outer}`)]
    : [replace(last.end, close, `${line}${eol(text)}${outer}`)];
}

/** Behind a sibling, in its own line if the sibling has one; comments behind the sibling stay with it. */
function insertAfter(text: string, sibling: Node, item: string, isLast: boolean): Edit[] {
  const following = tokens(text, end(sibling), text.length);
  const comma = following.find(({ kind }) => kind !== "comment" && kind !== "break");
  const hasComma = comma?.kind === ",";
  if (!startsLine(text, sibling)) return [insert(end(sibling), `, ${item}`)];
  const line = `${eol(text)}${indentation(text, sibling)}${item}`;
  // After a comma only the rest of its line is looked at: comments, then the break.
  const from = hasComma ? comma.end : end(sibling);
  const rest = tokens(text, from, text.length);
  const stop = rest.findIndex(({ kind }) => kind !== "comment");
  const lineEnd = rest[stop]?.kind === "break" ? (rest[stop - 1]?.end ?? from) : from;
  if (hasComma) return [insert(lineEnd, `${line},`)];
  return isLast && lineEnd === end(sibling)
    ? [insert(lineEnd, `,${line}`)]
    : [insert(end(sibling), ","), insert(lineEnd, line)];
}

function insertMember(text: string, root: Node, member: string): Edit[] {
  const members = membersOf(root);
  const anchor =
    members.find(({ key }) => key === "platforms") ??
    members.find(({ key }) => key === "base") ??
    members.at(-1);
  const property = anchor?.value.parent;
  if (property === undefined) return insertFirst(text, root, member);
  return insertAfter(text, property, member, anchor === members.at(-1));
}

function removeItem(text: string, list: Node, index: number): Edit[] {
  const items = list.children ?? [];
  const [item, previous] = [items[index], items[index - 1]];
  if (item === undefined) throw new Error(`Assertion failed: the list has an item ${index}`);
  const following = tokens(text, end(item), text.length);
  const comma = following.find(({ kind }) => kind !== "comment" && kind !== "break");
  const itemEnd = comma?.kind === "," ? comma.end : end(item);
  // The last item takes the comma before it along, unless it has one itself.
  const commaBefore = comma?.kind === "," || previous === undefined ? [] : [commaAfter(text, previous)];
  return [...commaBefore, removal(text, list, item, itemEnd, commaBefore.length > 0)];
}

function removal(text: string, list: Node, item: Node, itemEnd: number, tookComma: boolean): Edit {
  const rest = tokens(text, itemEnd, text.length);
  const stop = rest.findIndex(({ kind }) => kind !== "comment");
  const lineBreak = rest[stop];
  if (startsLine(text, item) && lineBreak?.kind === "break") {
    return replace(lineStart(text, item.offset), lineBreak.end, "");
  }
  if (
    /^\s*$/.test(text.slice(list.offset + 1, item.offset)) &&
    /^\s*$/.test(text.slice(itemEnd, end(list) - 1))
  ) {
    return replace(list.offset + 1, end(list) - 1, "");
  }
  const spaceBefore = tookComma ? (/[ \t]*$/.exec(text.slice(0, item.offset))?.[0].length ?? 0) : 0;
  const spaceAfter = tookComma ? 0 : (/^[ \t]*/.exec(text.slice(itemEnd))?.[0].length ?? 0);
  return replace(item.offset - spaceBefore, itemEnd + spaceAfter, "");
}

function commaAfter(text: string, node: Node): Edit {
  const comma = tokens(text, end(node), text.length).find(({ kind }) => kind === ",");
  if (comma === undefined) throw new Error("Assertion failed: there is a comma between two items");
  return replace(comma.end - 1, comma.end, "");
}

/** The edited text, after a look that it says what it should and nothing else changed. */
function verified(text: string, edits: Edit[], file: string, packages: readonly string[]): string {
  const edited = applyEdits(text, edits);
  const [before, after] = [getNodeValue(rootOf(text, file)), getNodeValue(rootOf(edited, file))];
  const shape = ({ packages: _, ...others }: Record<string, unknown>, list: unknown): string =>
    JSON.stringify([others, list]);
  if (shape(before, packages) !== shape(after, after.packages)) {
    throw new Error(`Assertion failed: the edit of ${file} gives ${edited}`);
  }
  return edited;
}

function rootOf(text: string, file: string): Node {
  const { root, problems } = parseSyntax(text);
  if (problems.length > 0 || root === undefined) throw configurationError(file, text, problems);
  if (root.type === "object") return root;
  throw configurationError(file, text, [{ offset: root.offset, message: "expected an object" }]);
}

function packageList(text: string, file: string): Node | undefined {
  const list = findNodeAtLocation(rootOf(text, file), ["packages"]);
  const isList = list?.type === "array" && (list.children ?? []).every(({ type }) => type === "string");
  if (list === undefined || isList) return list;
  throw configurationError(file, text, [
    { offset: list.offset, message: "packages: expected a list of strings" },
  ]);
}

function namesIn(list: Node): string[] {
  return (list.children ?? []).map((item) => String(item.value));
}

function checkName(name: string): string {
  const { pattern, "x-devenv-expected": expected } = configSchema.properties.packages.items;
  if (new RegExp(pattern, "u").test(name)) return name;
  throw new DevenvError("DEVENV_PACKAGE_NAME", `found ${JSON.stringify(name)}, expected ${expected}`, {
    usage: true,
  });
}

interface Token {
  readonly kind: "comment" | "break" | "," | "other";
  readonly end: number;
}

// The numbers of jsonc-parser's SyntaxKind, a const enum that has no values at run time.
const commaToken = 5;
const lineComment = 12;
const blockComment = 13;
const lineBreak = 14;
const trivia = 15;
const endOfFile = 17;

/** The tokens of a part of the text that starts between two tokens; white space is left out. */
function tokens(text: string, from: number, to: number): Token[] {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  const found: Token[] = [];
  for (;;) {
    const kind: number = scanner.scan();
    if (kind === endOfFile || scanner.getTokenOffset() >= to) return found;
    if (kind === trivia) continue;
    found.push({ kind: kindOf(kind), end: scanner.getPosition() });
  }
}

function kindOf(kind: number): Token["kind"] {
  if (kind === lineComment || kind === blockComment) return "comment";
  if (kind === lineBreak) return "break";
  return kind === commaToken ? "," : "other";
}

function end(node: Node): number {
  return node.offset + node.length;
}

function insert(offset: number, content: string): Edit {
  return { offset, length: 0, content };
}

function replace(from: number, to: number, content: string): Edit {
  return { offset: from, length: to - from, content };
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Whether nothing but white space stands before a node in its line. */
function startsLine(text: string, node: Node): boolean {
  const start = lineStart(text, node.offset);
  return start > 0 && /^[ \t]*$/.test(text.slice(start, node.offset));
}

function indentation(text: string, node: Node): string {
  return text.slice(lineStart(text, node.offset), node.offset);
}

function lineIndentation(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset)))?.[0] ?? "";
}

/** The first indentation in the file is one unit of it. */
function indentationUnit(text: string): string {
  return /^[ \t]+(?=\S)/m.exec(text)?.[0] ?? "  ";
}

function eol(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
