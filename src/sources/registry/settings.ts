import { isObject } from "../json.ts";
import { type Environment, readSettings, settingsError } from "../settings.ts";
import { addressKind } from "./address.ts";

/** One server that may have what a registry has. */
export interface Endpoint {
  /** Without a slash at the end; `/v2/…` comes behind. */
  readonly url: string;
  /** Its own name, for credentials. */
  readonly host: string;
  /** The registry whose content is looked for, when this is a mirror of it. */
  readonly mirrorOf?: string;
}

interface RegistrySettings {
  readonly mirrors: readonly string[];
  /** Plain http; undefined when nothing is said. */
  readonly insecure?: boolean;
}

/**
 * Where a registry's content can be had, in the order to try: its mirrors from `"registries"` in `settings.jsonc`, then
 * the registry itself, which always is the last. Plain http is for loopback, and for others where the setting says so.
 *
 * @throws DevenvError `DEVENV_SETTINGS_INVALID`
 */
export function endpointsOf(registry: string, environment: Environment): readonly Endpoint[] {
  const { mirrors, insecure } = readRegistry(registry, environment);
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const plain = insecure ?? isLoopback(`http://${host}`);
  return [
    ...mirrors.map((url) => ({ url, host: new URL(url).host, mirrorOf: registry })),
    { url: `${plain ? "http" : "https"}://${host}`, host: registry },
  ];
}

/** `{"registries": {"docker.io": {"mirrors": ["https://…"], "insecure": false}}}` */
function readRegistry(registry: string, environment: Environment): RegistrySettings {
  const { file, values } = readSettings(environment);
  const invalid = (where: string, reason: string) =>
    settingsError(
      `${file}: ${["registries", where].filter(Boolean).join(".")}: ${reason}`,
      'Registries are set as in {"registries": {"docker.io": {"mirrors": ["https://mirror.example"]}}}.',
    );
  const registries = values["registries"] ?? {};
  if (!isObject(registries)) throw invalid("", `found ${JSON.stringify(registries)}`);
  const given = registries[registry] ?? {};
  if (!isObject(given)) throw invalid(registry, `found ${JSON.stringify(given)}`);
  const unknown = Object.keys(given).find((name) => name !== "mirrors" && name !== "insecure");
  if (unknown !== undefined) throw invalid(registry, `unknown setting "${unknown}"`);
  const { mirrors = [], insecure } = given;
  if (insecure !== undefined && typeof insecure !== "boolean") {
    throw invalid(`${registry}.insecure`, `found ${JSON.stringify(insecure)}, expected true or false`);
  }
  if (!Array.isArray(mirrors)) throw invalid(`${registry}.mirrors`, `found ${JSON.stringify(mirrors)}`);
  const checked = mirrors.map((url: unknown, index) => {
    const where = `${registry}.mirrors[${index}]`;
    const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
      throw invalid(where, `${JSON.stringify(url)} is no http: or https: URL`);
    }
    if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "") {
      throw invalid(where, "a mirror's URL holds no user, no query and no fragment");
    }
    if (parsed.protocol === "http:" && insecure !== true && !isLoopback(parsed.href)) {
      throw invalid(where, `${parsed.href} is not https:, which "insecure": true would allow`);
    }
    return parsed.href.replace(/\/+$/, "");
  });
  return { mirrors: checked, ...(insecure === undefined ? {} : { insecure }) };
}

function isLoopback(url: string): boolean {
  return addressKind(new URL(url).hostname) === "loopback";
}
