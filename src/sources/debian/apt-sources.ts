import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveName } from "./types.ts";

/** One URL of a host's apt configuration that is a Debian archive by its looks. */
export interface AptSource {
  readonly archive: ArchiveName;
  readonly url: string;
}

/**
 * The Debian archives that apt on this host installs from: sources.list and sources.list.d, see sources.list(5).
 * An archive is known by the end of its path. A URL that looks right and is not is no danger: its indexes do not
 * carry a signature of Debian's, and the next mirror is asked.
 */
export function readAptSources(aptDirectory: string): AptSource[] {
  const parts = join(aptDirectory, "sources.list.d");
  const files = [
    join(aptDirectory, "sources.list"),
    ...listDirectory(parts).map((name) => join(parts, name)),
  ];
  return files.flatMap((file) => {
    if (file.endsWith(".list")) return parseOneLine(readText(file));
    if (file.endsWith(".sources")) return parseStanzas(readText(file));
    return [];
  });
}

/** `deb [option=value …] URL suite component…` */
function parseOneLine(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+\S+\s+([^#]*)/.exec(line);
    return match === null ? [] : toSources([match[1] ?? ""], words(match[2]));
  });
}

/** Stanzas of deb822 with the fields Types, URIs, Components and Enabled. */
function parseStanzas(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([^\s:]+):((?:.*)(?:\n[ \t].*)*)/gm)].map((match) => [
        (match[1] ?? "").toLowerCase(),
        (match[2] ?? "").trim(),
      ]),
    );
    if (!words(fields.get("types")).includes("deb")) return [];
    if (/^(no|false|without|off|disable|0)$/i.test(fields.get("enabled") ?? "yes")) return [];
    return toSources(words(fields.get("uris")), words(fields.get("components")));
  });
}

function toSources(urls: readonly string[], components: readonly string[]): AptSource[] {
  if (!components.includes("main")) return [];
  return urls.flatMap((url) => {
    const match = /^https?:\/\/.*\/(debian|debian-security)\/*$/.exec(url);
    if (match === null || !URL.canParse(url)) return [];
    return [{ archive: match[1] === "debian" ? "debian" : "debian-security", url }];
  });
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** Sorted, as apt reads them; a host without apt has none. */
function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
