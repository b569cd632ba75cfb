import { DevenvError } from "../../errors.ts";
import { MentionOrder } from "./mentions.ts";
import { readStanzas, type Stanza, type StanzaField, stanzaFields } from "./stanzas.ts";
import type { PackageRecord } from "./types.ts";

/** What dpkg has installed. */
export interface InstalledPackage {
  /** Without a .deb: digest and path are empty. */
  readonly record: PackageRecord;
  /** Set on hold: it never moves. */
  readonly held: boolean;
}

interface Source {
  /** Of the system. */
  readonly architecture: string;
  /** Whose file it is, for errors. */
  readonly name: string;
}

/**
 * The installed packages of dpkg's status file (deb-status(5) and dpkg(1), "Information about packages"); what was
 * removed is none.
 *
 * @throws DevenvError `DEVENV_BASE_PACKAGES` for a package that is not installed to the end, or of a foreign
 *   architecture, or what is no list of packages.
 */
export function readStatus(text: string, source: Source): InstalledPackage[] {
  const file = Buffer.from(text);
  const order = new MentionOrder(source.architecture);
  const installed = new Map<string, InstalledPackage>();
  const problems: string[] = [];
  readStanzas(file, source.name, (stanza) => {
    const fieldOf = (name: StanzaField): string => textOf(file, stanza, name);
    const [name, version, architecture] = [fieldOf("Package"), fieldOf("Version"), fieldOf("Architecture")];
    const number = order.add(name, fieldOf);
    const [want, flag, state = ""] = fieldOf("Status").split(/\s+/);
    if (goneStates.includes(state) && flag === "ok") return;
    const problem = problemOf({ name, version, architecture, flag, state }, source);
    if (problem !== undefined) problems.push(problem);
    else if (installed.has(name)) problems.push(`${name} stands there twice`);
    const place = { archive: "debian", suite: "", path: "", sha256: "", size: 0 } as const;
    const record = { ...recordOf(fieldOf), ...place, order: behindAllSuites + number };
    installed.set(name, { record, held: want === "hold" });
  });
  if (problems.length > 0) throw unusable(source, problems);
  return [...installed.values()];
}

/** For `PackageRecord.order`: apt reads dpkg's list after the archive's. */
const behindAllSuites = 3 * 2 ** 24;

/** States in which nothing of a package, or nothing but configuration files, is there. */
const goneStates: readonly string[] = ["not-installed", "config-files"];

/** Triggers are run by the next `dpkg --configure`, and the package works before. */
const installedStates: readonly string[] = ["installed", "triggers-pending", "triggers-awaited"];

interface Found {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly flag: string | undefined;
  readonly state: string;
}

function problemOf({ name, version, architecture, flag, state }: Found, source: Source): string | undefined {
  if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) return `${JSON.stringify(name)} is no name of a package`;
  if (state === "") return `${name} has no state`;
  if (!installedStates.includes(state)) return `${name} is ${state}`;
  if (flag !== "ok") return `${name} has to be installed again`;
  if (!/^(?:[0-9]+:)?[0-9A-Za-z][0-9A-Za-z.+~-]*$/.test(version)) return `${name} has no version`;
  if (architecture === "all" || architecture === source.architecture) return undefined;
  return `${name} is installed for ${architecture}`;
}

function recordOf(
  fieldOf: (name: StanzaField) => string,
): Omit<PackageRecord, "archive" | "suite" | "path" | "sha256" | "size" | "order"> {
  const multiArch = fieldOf("Multi-Arch");
  const section = fieldOf("Section");
  return {
    name: fieldOf("Package"),
    version: fieldOf("Version"),
    architecture: fieldOf("Architecture"),
    ...(multiArch === "foreign" || multiArch === "same" || multiArch === "allowed" ? { multiArch } : {}),
    essential: fieldOf("Essential") === "yes",
    priority: fieldOf("Priority"),
    ...(section === "" ? {} : { section }),
    preDepends: fieldOf("Pre-Depends"),
    depends: fieldOf("Depends"),
    conflicts: fieldOf("Conflicts"),
    breaks: fieldOf("Breaks"),
    provides: fieldOf("Provides"),
  };
}

function textOf(file: Buffer, stanza: Stanza, name: StanzaField): string {
  const field = stanzaFields.indexOf(name);
  return file.toString("utf8", stanza[2 * field], stanza[2 * field + 1]);
}

const shownProblems = 5;

function unusable(source: Source, problems: readonly string[]): DevenvError {
  const shown = problems.slice(0, shownProblems);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return new DevenvError(
    "DEVENV_BASE_PACKAGES",
    [`${source.name}: packages cannot be installed on top of what dpkg has there:`, ...shown].join("\n  "),
    { hint: "Choose an image on which `dpkg --audit` finds nothing, for one architecture." },
  );
}
