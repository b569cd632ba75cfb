/** The fields of a stanza that name other packages, in the order in which apt reads them. */
const fields = [
  "Pre-Depends",
  "Depends",
  "Conflicts",
  "Breaks",
  "Recommends",
  "Suggests",
  "Replaces",
  "Enhances",
  "Provides",
] as const;

/**
 * Numbers package names in the order in which an index mentions them first, be it as a package or in a relation field.
 * When several packages provide the same name and nothing else tells them apart, apt takes the one mentioned last, and
 * so must a solver that wants the same answer.
 */
export class MentionOrder {
  readonly #architecture: string;
  readonly #numbers = new Map<string, number>();

  constructor(architecture: string) {
    this.#architecture = architecture;
  }

  /** Reads one stanza; to be called for every stanza of every suite, in order. Gives the number of its package. */
  add(name: string, field: (name: (typeof fields)[number]) => string | undefined): number {
    const number = this.#note(name);
    for (const key of fields) {
      const text = field(key);
      if (text !== undefined && text !== "") this.#noteAll(text);
    }
    return number;
  }

  #noteAll(text: string): void {
    for (const item of text.split(/[,|]/)) {
      const [, name, qualifier] = /^\s*([^\s:([<]+)(?::([^\s([<]+))?/.exec(item) ?? [];
      if (name === undefined) continue;
      if (qualifier === undefined || qualifier === "native" || qualifier === this.#architecture)
        this.#note(name);
    }
  }

  #note(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(name, number);
    return number;
  }
}
