import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { DevenvError } from "../../errors.ts";
import { isObject, parseJSON } from "../json.ts";
import type { Environment } from "../settings.ts";
import { askHelper } from "./credential-helper.ts";
import { registryError } from "./errors.ts";
import type { Repository } from "./types.ts";

/** Who the user is for a registry. */
export type Credentials = Login | IdentityToken | BearerToken;

export interface Login {
  readonly kind: "login";
  readonly username: string;
  readonly password: string;
  /** Where they come from, for messages. */
  readonly source: string;
}

/** An OAuth2 refresh token, good for the token server only. */
export interface IdentityToken {
  readonly kind: "identity";
  readonly token: string;
  readonly source: string;
}

/** Good for the registry itself as it is. */
export interface BearerToken {
  readonly kind: "bearer";
  readonly token: string;
  readonly source: string;
}

/** Docker Hub's key in Docker's configuration, from the days of the first registry protocol. */
const hubKey = "https://index.docker.io/v1/";

/**
 * The credentials that docker, podman or skopeo stored for a repository. The first file that has some counts:
 * Docker's config.json, `$REGISTRY_AUTH_FILE`, containers' auth.json (containers-auth.json(5)). In a file a helper for
 * the registry comes before a helper for all, and that before what the file itself holds.
 *
 * @throws DevenvError `DEVENV_REGISTRY_CREDENTIALS` for a file or a helper program that is broken.
 */
export async function findCredentials(
  repository: Repository,
  environment: Environment,
): Promise<Credentials | undefined> {
  for (const file of credentialFiles(environment)) {
    const contents = readCredentialFile(file);
    const found = contents && (await findInFile(contents, file, repository, environment));
    if (found !== undefined) return found;
  }
  return undefined;
}

function credentialFiles(environment: Environment): string[] {
  const home = environment["HOME"] ?? homedir();
  const runtime = environment["XDG_RUNTIME_DIR"];
  const own = environment["REGISTRY_AUTH_FILE"];
  return [
    join(environment["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
    ...(own ? [own] : []),
    ...(runtime ? [join(runtime, "containers", "auth.json")] : []),
    join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "containers", "auth.json"),
  ];
}

type Contents = Readonly<Record<string, unknown>>;

function readCredentialFile(file: string): Contents | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (isObject(cause) && (cause["code"] === "ENOENT" || cause["code"] === "ENOTDIR")) return undefined;
    throw broken(file, "cannot be read", cause);
  }
  const contents = parseJSON(text);
  if (!isObject(contents)) throw broken(file, "is no JSON object");
  return contents;
}

async function findInFile(
  contents: Contents,
  file: string,
  repository: Repository,
  environment: Environment,
): Promise<Credentials | undefined> {
  const isHub = repository.registry === "docker.io";
  const server = isHub ? hubKey : repository.registry;
  for (const program of helpersOf(contents, file, repository.registry)) {
    const found = await askHelper({ program, server, file, environment });
    if (found !== undefined) return credentialsOf(found.username, found.secret, `${file} (${program})`);
  }
  return findInAuths(contents, file, repository);
}

/** The programs to ask, the one for the registry first. */
function helpersOf(contents: Contents, file: string, registry: string): string[] {
  const own = Object.entries(objectAt(contents, "credHelpers", file)).find(
    ([key]) => canonicalKey(key) === registry,
  );
  const all = contents["credsStore"];
  return [own?.[1], all].flatMap((name) => {
    if (name === undefined || name === "") return [];
    if (typeof name !== "string" || !/^[\w.-]+$/.test(name)) {
      throw broken(file, "names a credential helper that is no program's name");
    }
    return [`docker-credential-${name}`];
  });
}

/** Keys may stop at any component of the repository's path; the longest that fits counts. */
function findInAuths(contents: Contents, file: string, repository: Repository): Credentials | undefined {
  const auths = Object.entries(objectAt(contents, "auths", file));
  const parts = `${repository.registry}/${repository.repository}`.split("/");
  for (let length = parts.length; length > 0; length--) {
    const wanted = parts.slice(0, length).join("/");
    for (const [key, entry] of auths) {
      if (canonicalKey(key) !== wanted) continue;
      const found = credentialsOfEntry(entry, file, key);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function credentialsOfEntry(entry: unknown, file: string, key: string): Credentials | undefined {
  const where = `auths: ${JSON.stringify(key)}`;
  if (!isObject(entry)) throw broken(file, `${where} is no object`);
  const text = (name: string): string => {
    const value = entry[name] ?? "";
    if (typeof value !== "string") throw broken(file, `${where}: ${name} is no text`);
    return value;
  };
  const source = file;
  if (text("identitytoken") !== "") return { kind: "identity", token: text("identitytoken"), source };
  if (text("registrytoken") !== "") return { kind: "bearer", token: text("registrytoken"), source };
  if (text("auth") === "") {
    return text("username") === "" ? undefined : credentialsOf(text("username"), text("password"), source);
  }
  // Docker pads with NUL, and Buffer passes over what is no base64.
  const decoded = Buffer.from(text("auth"), "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon <= 0) throw broken(file, `${where}: auth is not the base64 of USER:PASSWORD`);
  return credentialsOf(decoded.slice(0, colon), decoded.slice(colon + 1), source);
}

function credentialsOf(username: string, secret: string, source: string): Credentials {
  if (username === "<token>") return { kind: "identity", token: secret, source };
  return { kind: "login", username, password: secret, source };
}

/** Docker wrote URLs as keys in its time, of which only the host counts. */
function canonicalKey(key: string): string {
  const name = /^https?:\/\//i.test(key)
    ? key.replace(/^https?:\/\/([^/]*).*$/i, "$1")
    : key.replace(/\/(v[12]\/?)?$/, "");
  const slash = name.indexOf("/");
  const host = (slash < 0 ? name : name.slice(0, slash)).toLowerCase();
  const isHub = ["docker.io", "index.docker.io", "registry-1.docker.io"].includes(host);
  return (isHub ? "docker.io" : host) + (slash < 0 ? "" : name.slice(slash));
}

function objectAt(contents: Contents, name: string, file: string): Contents {
  const value = contents[name] ?? {};
  if (!isObject(value)) throw broken(file, `${name} is no object`);
  return value;
}

function broken(file: string, reason: string, cause?: unknown): DevenvError {
  return registryError("DEVENV_REGISTRY_CREDENTIALS", `${file}: ${reason}`, {
    hint: "`skopeo login`, `podman login` and `docker login` write this file.",
    ...(cause === undefined ? {} : { cause }),
  });
}
