import { discard } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { loginHint, registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";
import { basic, fetchToken, type Token } from "./token.ts";
import type { RegistryRequest, RegistryResponse, Send } from "./transport.ts";

export interface AuthenticationOptions {
  /** The registry; only requests that go to its origin carry credentials. */
  readonly registryURL: string;
  /** For the token server: with redirects and retries, without authentication. */
  readonly sendForToken: Send;
  /** Asked once, and not before the registry wants credentials. */
  readonly credentials: () => Promise<Credentials | undefined>;
}

/** What is known of one registry; tokens by the scopes they are for. */
interface Session {
  readonly options: AuthenticationOptions;
  readonly tokens: Map<string, Promise<Token>>;
  credentials?: Promise<Credentials | undefined>;
  /** What the registry asked for last, so that later requests need not be refused first. */
  challenge?: Challenge;
}

/**
 * Answers a registry's challenges (RFC 9110 section 11; distribution, "Token Authentication Specification"): Bearer
 * with tokens that are fetched once for all requests of the same scopes and again before they expire or when the
 * registry refuses one, Basic with stored credentials. A second refusal is given as it is.
 *
 * @throws DevenvError `DEVENV_REGISTRY_CHALLENGE` for a challenge that cannot be answered, and what
 * {@link fetchToken} and the credentials throw.
 */
export function authenticate(send: Send, options: AuthenticationOptions): Send {
  const session: Session = { options, tokens: new Map() };
  const { origin } = new URL(options.registryURL);
  return async (request) => {
    if (new URL(request.url).origin !== origin) return send(request);
    const first = await knownAuthorization(session, request);
    const response = await send(withAuthorization(request, first));
    // What stands behind a redirect has no say in where our credentials go.
    if (response.status !== 401 || response.redirected === true) return response;
    const second = await answerChallenge(session, request, response, first);
    if (second === undefined || second === first) return response;
    discard(response);
    return send(withAuthorization(request, second));
  };
}

function withAuthorization(request: RegistryRequest, authorization: string | undefined): RegistryRequest {
  return authorization === undefined
    ? request
    : { ...request, headers: { ...request.headers, authorization } };
}

async function knownAuthorization(session: Session, request: RegistryRequest): Promise<string | undefined> {
  const { challenge } = session;
  if (challenge === undefined) return undefined;
  return challenge.scheme === "basic"
    ? basicAuthorization(session)
    : tokenAuthorization(session, request, challenge);
}

/** Undefined when there is nothing more to say than was said. */
async function answerChallenge(
  session: Session,
  request: RegistryRequest,
  response: RegistryResponse,
  refused: string | undefined,
): Promise<string | undefined> {
  const challenges = parseChallenges(response.headers("www-authenticate"));
  const challenge =
    challenges.find(({ scheme }) => scheme === "bearer") ??
    challenges.find(({ scheme }) => scheme === "basic");
  if (challenge === undefined) {
    const offered = challenges.map(({ scheme }) => scheme).join(", ") || "nothing";
    throw registryError(
      "DEVENV_REGISTRY_CHALLENGE",
      `${request.method} ${redactURL(request.url)}: the registry wants to be answered in a way that is not known here: ${offered}`,
    );
  }
  // What it wants for this request says nothing of others.
  const { parameters } = challenge;
  session.challenge = {
    ...challenge,
    parameters: new Map([...parameters].filter(([name]) => name !== "scope")),
  };
  return challenge.scheme === "basic"
    ? basicAuthorization(session)
    : tokenAuthorization(session, request, challenge, refused);
}

async function basicAuthorization(session: Session): Promise<string | undefined> {
  const credentials = await credentialsOf(session);
  if (credentials?.kind === "bearer") return `Bearer ${credentials.token}`;
  return credentials?.kind === "login" ? basic(credentials) : undefined;
}

/** One fetch for all requests of the same scopes; what was `refused` is fetched anew. */
async function tokenAuthorization(
  session: Session,
  request: RegistryRequest,
  challenge: Challenge,
  refused?: string,
): Promise<string> {
  const key = [...(request.scopes ?? [])].sort().join(" ");
  const known = session.tokens.get(key);
  if (known !== undefined) {
    const { value, expires } = await unlessAborted(known, request.signal);
    if (expires > Date.now() && `Bearer ${value}` !== refused) return `Bearer ${value}`;
    // Another request has seen the same and was first.
    if (session.tokens.get(key) !== known) return tokenAuthorization(session, request, challenge, refused);
  }
  const fetched = tokenFor(session, request, challenge);
  session.tokens.set(key, fetched);
  fetched.catch(() => {
    if (session.tokens.get(key) === fetched) session.tokens.delete(key);
  });
  return `Bearer ${(await unlessAborted(fetched, request.signal)).value}`;
}

/** The end of one request must not be the end of what others wait for. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function tokenFor(session: Session, request: RegistryRequest, challenge: Challenge): Promise<Token> {
  const credentials = await credentialsOf(session);
  if (credentials?.kind === "bearer") return { value: credentials.token, expires: Number.POSITIVE_INFINITY };
  const { registryURL, sendForToken } = session.options;
  const realm = challenge.parameters.get("realm");
  if (realm === undefined) {
    throw registryError("DEVENV_REGISTRY_CHALLENGE", `${registryURL}: the registry names no token server`, {
      hint: loginHint,
    });
  }
  // A registry may want more than we know of; what it names comes first.
  const named = challenge.parameters.get("scope")?.split(" ").filter(Boolean) ?? [];
  const scopes = [...new Set([...named, ...(request.scopes ?? [])])];
  const service = challenge.parameters.get("service");
  return fetchToken({ realm, service, scopes, credentials, registryURL }, sendForToken);
}

function credentialsOf(session: Session): Promise<Credentials | undefined> {
  session.credentials ??= session.options.credentials();
  return session.credentials;
}
