import { createHash } from "node:crypto";

interface Age {
  /** How many of the sources are older, from 0 to 1. */
  readonly old: number;
  readonly seed: number;
  /** Packages on hold, as old as all of their source. */
  readonly held?: readonly string[];
}

/**
 * dpkg's list as it was before some updates: packages of one source have one version and keep it together, so that
 * their exact relations to each other still hold.
 */
export function olderStatus(status: string, { held = [], old, seed }: Age): string {
  const stanzas = status.split("\n\n").filter((stanza) => stanza.trim() !== "");
  const field = (stanza: string, name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
  const sourceOf = (stanza: string) =>
    (field(stanza, "Source") || field(stanza, "Package")).replace(/ \(.*$/, "");
  const isOld = (stanza: string) => numberOf(`${seed} ${sourceOf(stanza)}`) < old;
  const older = new Map(
    stanzas.filter(isOld).map((stanza) => [field(stanza, "Package"), field(stanza, "Version")]),
  );
  const alter = (stanza: string): string => {
    const name = field(stanza, "Package");
    const relations = stanza.replace(
      /([a-z0-9][a-z0-9+.-]+) \((=|>=|<<|<) ([^)]+)\)/g,
      (text, target: string, operator: string, version: string) => {
        if (older.get(target) !== version) return text;
        return `${target} (${operator} ${version}${operator.startsWith("<") ? "~a" : "~old"})`;
      },
    );
    const aged = older.has(name) ? relations.replace(/^Version: .*$/m, (line) => `${line}~old`) : relations;
    return held.includes(name) ? aged.replace("Status: install", "Status: hold") : aged;
  };
  return stanzas.map((stanza) => `${alter(stanza)}\n\n`).join("");
}

function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;
}
