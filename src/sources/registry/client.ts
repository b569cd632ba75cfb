import { DevenvError } from "../../errors.ts";
import type { Patience } from "../../store/index.ts";
import type { Environment } from "../settings.ts";
import { authenticate } from "./authentication.ts";
import { findCredentials } from "./credentials.ts";
import { progressBefore } from "./errors.ts";
import { quoteForeign } from "./redact.ts";
import { followRedirects } from "./redirect.ts";
import { registryPatience, retryTemporary } from "./retry.ts";
import { type Endpoint, endpointsOf } from "./settings.ts";
import {
  type Method,
  type RegistryRequest,
  type RegistryResponse,
  type Send,
  sendPlainly,
} from "./transport.ts";
import type { Repository } from "./types.ts";

export interface RegistryClientOptions {
  /** Where credentials and settings are looked for; the process's own unless given. */
  readonly environment?: Environment;
  readonly patience?: Partial<Patience>;
  /** Told what a registry says about how much it will still give. */
  readonly onRateLimit?: (limit: RateLimit) => void;
}

/** `ratelimit-remaining: 76;w=21600` */
export interface RateLimit {
  /** The server that says so. */
  readonly host: string;
  /** As it says it. */
  readonly remaining: string;
}

/** The registries as one user sees them; tokens and credentials are kept as long as it is. */
export interface RegistryClient {
  /** The servers that may have a repository's content, in the order to ask them; the last is the registry itself. */
  serversOf(repository: Repository): readonly Server[];
}

/** One server that can be asked for one repository. */
export interface Server {
  readonly endpoint: Endpoint;
  readonly repository: Repository;
  /** With authentication, redirects and retries. */
  readonly send: Send;
  readonly patience: Patience;
}

/** Makes a client; nothing is read or sent before it is used. */
export function openRegistries(options: RegistryClientOptions = {}): RegistryClient {
  const environment = options.environment ?? process.env;
  const patience = { ...registryPatience, ...options.patience };
  const known = new Map<string, readonly Server[]>();
  return {
    serversOf: (repository) => {
      const key = `${repository.registry}/${repository.repository}`;
      const servers =
        known.get(key) ??
        endpointsOf(repository.registry, environment).map((endpoint) => ({
          endpoint,
          repository,
          patience,
          send: senderFor(endpoint, repository, { environment, patience, onRateLimit: options.onRateLimit }),
        }));
      known.set(key, servers);
      return servers;
    },
  };
}

interface SenderOptions {
  readonly environment: Environment;
  readonly patience: Patience;
  readonly onRateLimit: ((limit: RateLimit) => void) | undefined;
}

function senderFor(endpoint: Endpoint, repository: Repository, options: SenderOptions): Send {
  const { environment, patience, onRateLimit } = options;
  const plain = sendPlainly(patience.stall);
  const limited: Send = async (request) => {
    const response = await plain(request);
    const remaining = response.header("ratelimit-remaining");
    if (remaining !== undefined)
      onRateLimit?.({ host: endpoint.host, remaining: quoteForeign(remaining, 60) });
    return response;
  };
  const redirected = followRedirects(limited);
  const authenticated = authenticate(redirected, {
    registryURL: endpoint.url,
    sendForToken: retryTemporary(redirected, patience),
    credentials: () => findCredentials({ ...repository, registry: endpoint.host }, environment),
  });
  return retryTemporary(authenticated, patience);
}

export interface ServerRequest extends Pick<RegistryRequest, "headers" | "body" | "once" | "signal"> {
  readonly method: Method;
  /** Below `/v2/NAME/`, as `manifests/latest`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly push?: boolean;
  /** Further than the repository's own. */
  readonly scopes?: readonly string[];
}

/** Sends a request about a server's repository. */
export function ask(server: Server, request: ServerRequest): Promise<RegistryResponse> {
  const { path, query = {}, push = false, scopes = [], ...rest } = request;
  const { endpoint, repository } = server;
  const url = new URL(`${endpoint.url}/v2/${repository.repository}/${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return server.send({
    ...rest,
    url: forMirror(url, endpoint).href,
    scopes: [scopeOf(server, push), ...scopes],
  });
}

export function scopeOf({ repository }: Server, push: boolean): string {
  return `repository:${repository.repository}:${push ? "pull,push" : "pull"}`;
}

/** A proxy of several registries cannot tell otherwise which is meant (containerd, "Registry Host Namespace"). */
export function forMirror(url: URL, endpoint: Endpoint): URL {
  if (endpoint.mirrorOf !== undefined) url.searchParams.set("ns", endpoint.mirrorOf);
  return url;
}

/** The registry itself, the only one that is written to. */
export function originOf(client: RegistryClient, repository: Repository): Server {
  const server = client.serversOf(repository).at(-1);
  if (server === undefined) throw new Error(`Assertion failed: ${repository.registry} has no server`);
  return server;
}

/**
 * Asks one server after the other until one has the right content.
 *
 * @throws the failure that came furthest, with the others in its message.
 */
export async function askInTurn<T>(
  client: RegistryClient,
  repository: Repository,
  attempt: (server: Server) => Promise<T>,
): Promise<T> {
  const failures: Failure[] = [];
  for (const server of client.serversOf(repository)) {
    try {
      return await attempt(server);
    } catch (error) {
      failures.push({ server, error: failureOrThrow(error) });
    }
  }
  throw furthest(failures);
}

export interface Failure {
  readonly server: Server;
  readonly error: DevenvError;
}

/** What another server may do better; everything else is thrown on. */
export function failureOrThrow(error: unknown): DevenvError {
  if (error instanceof DevenvError && progressBefore(error) !== undefined) return error;
  throw error;
}

/** One error for all servers' failures: the most advanced, of equals the registry's own. */
export function furthest(failures: readonly Failure[]): DevenvError {
  const ranked = [...failures].reverse();
  ranked.sort((a, b) => (progressBefore(b.error) ?? 0) - (progressBefore(a.error) ?? 0));
  const [best, ...others] = ranked;
  if (best === undefined) throw new Error("Assertion failed: no server was asked");
  if (others.length === 0) return best.error;
  const { code, message, hint, cause } = best.error;
  const lines = others.map(({ server, error }) => `also asked ${server.endpoint.url}: ${error.message}`);
  return new DevenvError(code, [message, ...lines].join("\n  "), {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
