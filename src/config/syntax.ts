import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Problem } from "./problem.ts";

/** What was understood of a text, and where it is not JSON with comments. */
export interface Syntax {
  readonly root: Node | undefined;
  readonly problems: readonly Problem[];
}

/** Parses JSON with comments and trailing commas, going on after mistakes. */
export function parseSyntax(text: string): Syntax {
  const errors: ParseError[] = [];
  // A byte order mark is white space for our purposes; a space in its place keeps all offsets.
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  if (root === undefined)
    return { root, problems: [{ offset: 0, message: "the file is empty; expected an object" }] };
  return { root, problems: firstOfEachLine(text, errors).map((error) => explain(text, error)) };
}

/** The members of an object that have both a name and a value. */
export function membersOf(
  object: Node,
): { readonly key: string; readonly keyNode: Node; readonly value: Node }[] {
  return (object.children ?? []).flatMap((property) => {
    const [keyNode, value] = property.children ?? [];
    if (keyNode === undefined || value === undefined) return [];
    return [{ key: String(keyNode.value), keyNode, value }];
  });
}

/** The member of an object that has this name and is a string. */
export function stringMember(node: Node, key: string): Node | undefined {
  if (node.type !== "object") return undefined;
  return membersOf(node).find((member) => member.key === key && member.value.type === "string")?.value;
}

/** The items of the member of an object that has this name and is an array. */
export function arrayMember(node: Node, key: string): readonly Node[] {
  if (node.type !== "object") return [];
  const member = membersOf(node).find(
    (candidate) => candidate.key === key && candidate.value.type === "array",
  );
  return member?.value.children ?? [];
}

/** One slip, such as a missing quote, makes the parser stumble several times in the same line. */
function firstOfEachLine(text: string, errors: readonly ParseError[]): ParseError[] {
  return errors.filter((error, i) => {
    const before = errors[i - 1];
    return before === undefined || /[\r\n]/.test(text.slice(before.offset, error.offset));
  });
}

function explain(text: string, error: ParseError): Problem {
  const found = text.slice(error.offset, error.offset + error.length);
  const shown = found === "" ? "the end of the file" : JSON.stringify(found.slice(0, 40));
  return {
    offset: error.offset,
    message: `found ${shown}, ${expectation(printParseErrorCode(error.error))}`,
  };
}

function expectation(code: ReturnType<typeof printParseErrorCode>): string {
  switch (code) {
    case "InvalidSymbol":
      return "expected keys and strings in double quotes";
    case "InvalidNumberFormat":
    case "UnexpectedEndOfNumber":
      return "expected a number";
    case "PropertyNameExpected":
      return 'expected a key in double quotes, or "}"';
    case "ValueExpected":
      return "expected a value";
    case "ColonExpected":
      return "expected a colon";
    case "CommaExpected":
      return "expected a comma before it";
    case "CloseBraceExpected":
      return 'expected "}"';
    case "CloseBracketExpected":
      return 'expected "]"';
    case "EndOfFileExpected":
      return "expected nothing more";
    case "InvalidCommentToken":
      return "comments start with // or /*";
    case "UnexpectedEndOfComment":
      return "expected */";
    case "UnexpectedEndOfString":
      return "expected a closing double quote in the same line";
    case "InvalidUnicode":
      return "expected \\u and four hexadecimal digits";
    case "InvalidEscapeCharacter":
      return "no such escape; a backslash itself is written \\\\";
    case "InvalidCharacter":
      return "control characters in strings are written as escapes, such as \\t";
    default:
      return "expected JSON with comments";
  }
}
