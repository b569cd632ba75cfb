import { DevenvError } from "../../errors.ts";
import { formatRelations } from "./relation.ts";
import type { Cause, Conflict } from "./solver/search.ts";
import type { Dependency, Group, Package, Version } from "./solver/universe.ts";

/** The error for a request that cannot be satisfied, with the chain from the request to what is in its way. */
export function explainConflict(conflict: Conflict, requested: readonly Package[]): DevenvError {
  const names = requested.map((pkg) => pkg.name).join(", ");
  const [title, hint] =
    requested.length === 1
      ? [`${names} cannot be installed:`, "Take it out of “packages”, or choose another base."]
      : [
          `These packages cannot be installed together: ${names}`,
          "Take one of those that the chain begins with out of “packages”, or choose another base.",
        ];
  const lines = new Explanation().of(conflict, "  ");
  return new DevenvError("DEVENV_UNSATISFIABLE", [title, ...lines].join("\n"), { hint });
}

/** How many alternatives are explained one by one, and how deep. */
const MAXIMAL_OPTIONS = 4;
const MAXIMAL_DEPTH = 3;

/** Writes the chains of one conflict; says nothing twice. */
class Explanation {
  readonly #told = new Set<Version>();
  readonly #lines: string[] = [];

  of(conflict: Conflict, indent: string, depth = 0): string[] {
    const { found } = conflict;
    if (found.kind === "gave up") {
      this.#lines.push(`${indent}there are too many combinations of alternatives to try them all`);
      return this.#lines;
    }
    this.#tell(found.group.owner, conflict, indent);
    const { group } = found;
    if (found.kind === "excluded") {
      this.#tell(found.version, conflict, indent);
      this.#lines.push(`${indent}${title(group.owner)} excludes ${title(found.version)}: ${fieldOf(group)}`);
      return this.#lines;
    }
    this.#lines.push(`${indent}${title(group.owner)} needs ${formatRelations(group.relations)}, but`);
    const inner = `${indent}  `;
    for (const dependency of group.alternatives) this.#refuse(dependency, conflict, inner);
    if (found.kind === "choice") this.#refuseOptions(found.options, inner, depth);
    return this.#lines;
  }

  #refuseOptions(options: ReadonlyMap<Version, Conflict>, indent: string, depth: number): void {
    let number = 0;
    for (const [version, conflict] of options) {
      number++;
      if (number > MAXIMAL_OPTIONS || depth >= MAXIMAL_DEPTH) {
        this.#lines.push(`${indent}and so for ${options.size - number + 1} more`);
        return;
      }
      this.#lines.push(`${indent}${title(version)} cannot be had:`);
      this.#told.add(version);
      this.of(conflict, `${indent}  `, depth + 1);
    }
  }

  /** Says why an alternative cannot serve, unless its conflict is told with the options. */
  #refuse(dependency: Dependency, conflict: Conflict, indent: string): void {
    const { target } = dependency;
    const [candidate] = target.versions;
    const excluded = [candidate, ...target.provisions.map(({ provider }) => provider)].filter(
      (version) => version !== undefined && conflict.exclusions.has(version),
    );
    for (const version of new Set(excluded)) {
      const exclusion = version && conflict.exclusions.get(version);
      if (version === undefined || exclusion === undefined) continue;
      this.#tell(exclusion.owner, conflict, indent);
      this.#lines.push(
        `${indent}${title(exclusion.owner)} excludes ${title(version)}: ${fieldOf(exclusion)}`,
      );
    }
    if (excluded.length > 0) return;
    if (candidate === undefined && target.provisions.length === 0) {
      this.#lines.push(`${indent}there is no package ${target.name}`);
    } else if (candidate !== undefined && conflict.found.kind === "missing") {
      const installed = target.versions.find((version) => conflict.causes.get(version)?.kind === "installed");
      if (installed !== undefined && installed !== candidate) {
        this.#lines.push(`${indent}${title(installed)} belongs to the base and stays`);
        return;
      }
      this.#lines.push(`${indent}${target.name} is only to be had as ${candidate.record.version}`);
    } else if (candidate === undefined && conflict.found.kind === "missing") {
      this.#lines.push(`${indent}no package provides ${target.name} in this version`);
    }
  }

  /** Tells how it comes that a version must be there, from the request on. */
  #tell(version: Version, conflict: Conflict, indent: string): void {
    if (this.#told.has(version)) return;
    this.#told.add(version);
    const cause = conflict.causes.get(version);
    if (cause === undefined) return;
    if (cause.kind === "needed") this.#tell(cause.group.owner, conflict, indent);
    this.#lines.push(`${indent}${sentence(version, cause)}`);
  }
}

function sentence(version: Version, cause: Cause): string {
  switch (cause.kind) {
    case "requested":
      return `${title(version)} is asked for`;
    case "installed":
      return `${title(version)} belongs to the base`;
    case "upgraded":
      return `${title(version)} is the newer version of what belongs to the base`;
    case "needed": {
      const { owner, relations } = cause.group;
      const wanted = formatRelations(relations);
      const via = relations.length === 1 && wanted === version.package.name ? "" : `, here ${title(version)}`;
      return `${title(owner)} needs ${wanted}${via}`;
    }
  }
}

function fieldOf({ field, relations }: Group): string {
  return `“${field}: ${formatRelations(relations)}”`;
}

function title({ record }: Version): string {
  return `${record.name} ${record.version}`;
}
