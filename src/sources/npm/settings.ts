import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { defaultUrl } from "registry-url";
import { DevenvError } from "../../errors.ts";
import type { Patience } from "../../store/index.ts";
import type { Environment } from "../settings.ts";

/** Where {@link registryOf} looks; the process's own places unless given. */
export interface NpmPlaces {
  readonly environment?: Environment | undefined;
  /** The project's directory, which may have an `.npmrc`. */
  readonly directory?: string | undefined;
}

export interface NpmOptions extends NpmPlaces {
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a package's metadata. */
  readonly largestDocument?: number;
  /** Bytes of a tarball. */
  readonly largestTarball?: number;
}

/** One registry as the user has set it. */
export interface NpmRegistry {
  /** Ends in a slash. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The registry that npm would ask for a package: `npm_config_registry`, the project's `.npmrc`, the user's `.npmrc`,
 * else the public one; a scope's own registry goes first. The user's login for it comes along.
 *
 * The project's file comes from strangers: environment variables in it are not filled in, so that it cannot send them
 * anywhere, and its logins serve only for the registry that it names itself.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID` when it is no http: or https: URL.
 */
export function registryOf(name: string, places: NpmPlaces = {}): NpmRegistry {
  const environment = places.environment ?? process.env;
  const files = settingFiles(environment, places.directory);
  const scope = name.startsWith("@") ? `${name.slice(0, name.indexOf("/"))}:registry` : undefined;
  const set = [
    ...(scope === undefined
      ? []
      : files.map(({ file, values }) => ({ where: file, url: values.get(scope) }))),
    { where: "$npm_config_registry", url: fromEnvironment(environment, "registry") },
    ...files.map(({ file, values }) => ({ where: file, url: values.get("registry") })),
  ].find(({ url }) => url !== undefined && url !== "");
  const text = set?.url ?? defaultUrl;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new DevenvError(
      "DEVENV_SETTINGS_INVALID",
      `${set?.where}: ${JSON.stringify(text)} is no registry`,
      {
        usage: true,
        hint: "A registry is set as in registry=https://npm.example/",
      },
    );
  }
  url.search = "";
  url.hash = "";
  const headers = loginFor(url, files);
  url.username = "";
  url.password = "";
  return { url: url.href.replace(/\/*$/, "/"), headers };
}

interface SettingFile {
  readonly file: string;
  readonly values: ReadonlyMap<string, string>;
}

function settingFiles(environment: Environment, directory: string | undefined): SettingFile[] {
  const home = environment["HOME"] ?? homedir();
  const user = fromEnvironment(environment, "userconfig") ?? join(home, ".npmrc");
  const project = directory === undefined ? undefined : join(directory, ".npmrc");
  return [
    ...(project === undefined || project === user ? [] : [{ file: project, values: readFile(project) }]),
    { file: user, values: readFile(user, environment) },
  ];
}

/** npm takes both spellings. */
function fromEnvironment(environment: Environment, name: string): string | undefined {
  return environment[`npm_config_${name}`] ?? environment[`NPM_CONFIG_${name.toUpperCase()}`] ?? undefined;
}

/** The part of the ini format that npm's settings use. Without an environment what holds a variable is left out. */
function readFile(file: string, environment?: Environment): Map<string, string> {
  const values = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return values;
  }
  for (const line of text.split(/\r?\n/)) {
    const [, key, given] = /^\s*([^;#=[\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || given === undefined) continue;
    const value = expanded(given.replace(/^(["'])(.*)\1$/, "$2"), environment);
    if (value !== undefined) values.set(key, value);
  }
  return values;
}

/** `${NAME}`, and `${NAME?}` for one that need not be set. */
function expanded(value: string, environment: Environment | undefined): string | undefined {
  if (environment === undefined) return value.includes("${") ? undefined : value;
  return value.replace(/\$\{([^}?]+)(\?)?\}/g, (whole, name: string, optional?: string) => {
    return environment[name] ?? (optional === undefined ? whole : "");
  });
}

/** What npm calls nerf darts: `//host/path/:_authToken`, the longest path first. */
function loginFor(url: URL, files: readonly SettingFile[]): Record<string, string> {
  if (url.username !== "") {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
  }
  for (let path = url.pathname.replace(/\/*$/, "/"); ; path = path.replace(/[^/]*\/$/, "")) {
    for (const { values } of files) {
      const setting = (name: string) =>
        values.get(`//${url.host}${path}:${name}`) ??
        (path === "/" ? undefined : values.get(`//${url.host}${path.slice(0, -1)}:${name}`));
      const token = setting("_authToken");
      if (token !== undefined) return { authorization: `Bearer ${token}` };
      const both = setting("_auth");
      if (both !== undefined) return { authorization: `Basic ${both}` };
      const [name, password] = [setting("username"), setting("_password")];
      if (name !== undefined && password !== undefined) {
        const login = `${name}:${Buffer.from(password, "base64").toString("utf8")}`;
        return { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
      }
    }
    if (path === "/" || path === "") return {};
  }
}
