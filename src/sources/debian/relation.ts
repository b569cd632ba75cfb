import { DevenvError } from "../../errors.ts";
import { satisfiesVersion, type VersionOperator } from "./version.ts";

/** One package of a relation field: `libc6:any (>= 2.36)`. */
export interface Relation {
  readonly name: string;
  /** What follows the colon: `any`, `native` or an architecture. */
  readonly qualifier?: string;
  readonly constraint?: VersionConstraint;
}

export interface VersionConstraint {
  readonly operator: VersionOperator;
  readonly version: string;
}

/** Alternatives, separated by `|` in the field, the preferred one first. */
export type RelationGroup = readonly Relation[];

/**
 * Parses a relation field (Debian Policy 7.1): `Depends: a (>= 1) | b, c:any`. Lines may be folded. Lists of
 * architectures `[…]` and of build profiles `<…>` have no meaning in an index of binary packages and are ignored.
 */
export function parseRelations(text: string): RelationGroup[] {
  const groups: RelationGroup[] = [];
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    groups.push(item.includes("|") ? item.split("|").map(parseRelation) : [parseRelation(item)]);
  }
  return groups;
}

/** Writes alternatives as a relation field does. */
export function formatRelations(group: RelationGroup): string {
  return group.map(formatRelation).join(" | ");
}

/** Whether `version` fulfils the constraint; a provided name without a version fulfils none (Debian Policy 7.5). */
export function fulfils(version: string | undefined, constraint: VersionConstraint | undefined): boolean {
  if (constraint === undefined) return true;
  if (version === undefined) return false;
  return satisfiesVersion(version, constraint.operator, constraint.version);
}

function formatRelation({ name, qualifier, constraint }: Relation): string {
  const qualified = qualifier === undefined ? name : `${name}:${qualifier}`;
  return constraint === undefined ? qualified : `${qualified} (${constraint.operator} ${constraint.version})`;
}

const pattern =
  /^\s*([^\s:()[\]<>|,]+)(?::([^\s()[\]<>|,]+))?\s*(?:\(\s*([<>=]*)\s*([^\s)]+)\s*\))?\s*(?:\[[^\]]*\]\s*)?(?:<[^>]*>\s*)*$/;

function parseRelation(text: string): Relation {
  const [, name, qualifier, operator, version] = pattern.exec(text) ?? [];
  if (name === undefined) {
    throw new DevenvError("DEVENV_RELATION_INVALID", `Cannot read the package relation “${text.trim()}”.`, {
      hint: "The package index of the archive is damaged or of a kind devenv does not know.",
    });
  }
  return {
    name,
    ...(qualifier !== undefined && { qualifier }),
    ...(version !== undefined && { constraint: { operator: operators[operator ?? ""] ?? "=", version } }),
  };
}

/** `<` and `>` once meant `<=` and `>=`, and dpkg and apt still read them so. */
const operators: Readonly<Record<string, VersionOperator>> = {
  "<<": "<<",
  "<": "<=",
  "<=": "<=",
  "=": "=",
  ">=": ">=",
  ">": ">=",
  ">>": ">>",
};
