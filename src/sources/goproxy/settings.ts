import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DevenvError } from "../../errors.ts";
import type { Patience } from "../../store/index.ts";
import { redactURL } from "../registry/redact.ts";
import type { Environment } from "../settings.ts";
import { type NoteKey, parseNoteKey } from "./note.ts";

export interface GoOptions {
  /** Where settings are looked for; the process's own unless given. */
  readonly environment?: Environment | undefined;
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a module's .zip. */
  readonly largestArchive?: number;
}

/** One module proxy, and when the next one is asked. */
export interface GoProxy {
  /** Without a slash at the end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** After `|` whatever goes wrong, after `,` only when the proxy says that there is no such thing. */
  readonly fallback: "missing" | "always";
}

/** The database of checksums that the user trusts. */
export interface ChecksumDatabase {
  readonly key: NoteKey;
  /** Its own address, without a slash at the end. */
  readonly url: string;
}

/** Go's own, below which its public proxy and its database of checksums stand (`go help environment`). */
const domain = "golang.org";
const publicProxy = `https://proxy.${domain}`;
const publicDatabase = `sum.${domain}`;
const publicKey = `${publicDatabase}+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8`;

/** The keys that the go command knows (cmd/go/internal/modfetch, key.go). */
const knownDatabases: Readonly<Record<string, string>> = {
  [publicDatabase]: publicKey,
  "sum.golang.google.cn": publicKey,
};

/**
 * The module proxies in the order to ask them, as the go command would (`go help environment`, GOPROXY): `direct` and
 * what stands behind `off` is left out, since toolchains are nowhere but on proxies. Empty when there is none.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID`
 */
export function goProxies({ environment = process.env }: GoOptions = {}): GoProxy[] {
  const text = setting("GOPROXY", environment) ?? publicProxy;
  const proxies: GoProxy[] = [];
  for (const [, word = "", separator] of text.matchAll(/([^,|]+)([,|])?/g)) {
    const name = word.trim();
    if (name === "off") break;
    if (name === "direct" || name === "") continue;
    const fallback = separator === "|" ? "always" : "missing";
    proxies.push({ ...addressOf(name, "GOPROXY"), fallback });
  }
  return proxies;
}

/**
 * The database that has the checksum of a module (GOSUMDB, GONOSUMDB); undefined when the user wants none asked.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID`
 */
export function checksumDatabase(
  module: string,
  { environment = process.env }: GoOptions = {},
): ChecksumDatabase | undefined {
  const [name = publicDatabase, url] = (setting("GOSUMDB", environment) ?? publicDatabase)
    .trim()
    .split(/\s+/);
  if (name === "off" || isExempt(module, setting("GONOSUMDB", environment) ?? "")) return undefined;
  const key = parseNoteKey(Object.hasOwn(knownDatabases, name) ? (knownDatabases[name] ?? "") : name);
  if (key === undefined) {
    throw invalid("GOSUMDB", name, "GOSUMDB is the name of a database, or its key and perhaps its URL.");
  }
  const own = name.includes("+") ? key.name : name;
  return { key, url: url === undefined ? `https://${own}` : addressOf(url, "GOSUMDB").url };
}

function addressOf(text: string, variable: string): Pick<GoProxy, "url" | "headers"> {
  const full = text.includes("://") ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw invalid(variable, redactURL(full), "Expected an http: or https: URL.");
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const headers = login === ":" ? {} : { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
  return { url: `${url.origin}${url.pathname}`.replace(/\/+$/, ""), headers };
}

/** A list of patterns as path.Match takes them, each for as many elements of the path as it has itself. */
function isExempt(module: string, patterns: string): boolean {
  return patterns.split(",").some((pattern) => {
    const elements = pattern.trim().split("/");
    const begin = module.split("/").slice(0, elements.length);
    return (
      pattern.trim() !== "" &&
      begin.length === elements.length &&
      elements.every((element, index) => matches(element, begin[index] ?? ""))
    );
  });
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  try {
    return new RegExp(`^${source}$`).test(text);
  } catch {
    return false;
  }
}

/** From the environment, else from the file that `go env -w` writes. */
function setting(name: string, environment: Environment): string | undefined {
  const own = environment[name];
  if (own !== undefined && own !== "") return own;
  const home = environment["HOME"] ?? homedir();
  const file =
    environment["GOENV"] || join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "go", "env");
  if (file === "off") return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const line = text.split(/\r?\n/).findLast((one) => one.startsWith(`${name}=`));
  return line?.slice(name.length + 1) || undefined;
}

function invalid(variable: string, value: string, hint: string): DevenvError {
  return new DevenvError("DEVENV_SETTINGS_INVALID", `$${variable}: found ${JSON.stringify(value)}`, {
    usage: true,
    hint,
  });
}
