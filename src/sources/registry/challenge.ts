import { registryError } from "./errors.ts";
import { quoteForeign } from "./redact.ts";

/** One challenge of a WWW-Authenticate field. */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly token68?: string;
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const space = /[ \t]*/y;
const separators = /[ \t,]*/y;
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads the values of WWW-Authenticate fields (RFC 9110 section 11.6.1): each may hold several challenges, and commas
 * separate both challenges and their parameters, so that only the next equals sign tells what a word is.
 *
 * @throws DevenvError `DEVENV_REGISTRY_CHALLENGE` for what the grammar does not allow.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap(parseField);
}

function parseField(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text) ?? undefined;
    if (match !== undefined) position = pattern.lastIndex;
    return match;
  };
  const malformed = () =>
    registryError(
      "DEVENV_REGISTRY_CHALLENGE",
      `The registry's WWW-Authenticate is malformed at character ${position + 1}: ${quoteForeign(text)}`,
    );
  /** Undefined, and nothing taken, when no parameter comes next. */
  const takeParameter = (): [name: string, value: string] | undefined => {
    const before = position;
    const name = take(token)?.[0].toLowerCase();
    take(space);
    if (name === undefined || text[position] !== "=") {
      position = before;
      return undefined;
    }
    position++;
    take(space);
    const value = take(quoted)?.[1]?.replace(/\\([\s\S])/g, "$1") ?? take(token)?.[0];
    if (value === undefined) throw malformed();
    return [name, value];
  };
  const atEndOfItem = () => {
    take(space);
    return position === text.length || text[position] === ",";
  };

  for (take(separators); position < text.length; take(separators)) {
    const scheme = take(token)?.[0].toLowerCase();
    if (scheme === undefined) throw malformed();
    const afterScheme = position;
    take(space);
    const single = position > afterScheme ? take(token68)?.[0] : undefined;
    const parameters = new Map<string, string>();
    challenges.push({ scheme, parameters, ...(single === undefined ? {} : { token68: single }) });
    if (atEndOfItem() && single !== undefined) continue;
    for (;;) {
      const item = position;
      take(separators);
      const parameter = takeParameter();
      if (parameter === undefined) {
        position = item;
        break;
      }
      const [name, value] = parameter;
      if (parameters.has(name) || !atEndOfItem()) throw malformed();
      parameters.set(name, value);
    }
    if (!atEndOfItem()) throw malformed();
  }
  return challenges;
}
