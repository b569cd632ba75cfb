import { DevenvError } from "../../errors.ts";
import { isObject, parseJSON } from "../json.ts";
import { checkHop } from "./address.ts";
import { discard, readLimited } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import { errorOfStatus, loginHint, registryError } from "./errors.ts";
import { redact, redactURL } from "./redact.ts";
import type { RegistryResponse, Send } from "./transport.ts";

/** What a token is asked for with. */
export interface TokenWish {
  readonly realm: string;
  readonly service?: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials?: Exclude<Credentials, { readonly kind: "bearer" }> | undefined;
  /** The registry that sends us to the realm. */
  readonly registryURL: string;
}

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970, somewhat before it really does. */
  readonly expires: number;
}

/** Seconds that a token is good for when nothing else is said (distribution, "Token Authentication Specification"). */
const shortestLife = 60;

/** Bytes; tokens that list rights are long. */
const longestAnswer = 1024 * 1024;

/** Answers of token servers that know only the older way. */
const knowsNoPost = [400, 401, 404, 405];

/**
 * Asks a token server for a token: with a POST (distribution, "Docker Registry v2 authentication using OAuth2") when
 * there are credentials, else, or when the server knows no POST, with a GET.
 *
 * @throws DevenvError `DEVENV_REGISTRY_INSECURE` for a realm that must not be asked, `DEVENV_REGISTRY_UNAUTHORIZED` or
 * `DEVENV_REGISTRY_DENIED` when it refuses the credentials, `DEVENV_REGISTRY_TOKEN` for an answer without a token.
 */
export async function fetchToken(wish: TokenWish, send: Send): Promise<Token> {
  checkHop(wish.realm, wish.registryURL, "its token server");
  const { credentials } = wish;
  if (credentials === undefined) return readToken(await askByGet(wish, send), wish);
  const answer = await askByPost(wish, credentials, send);
  if (credentials.kind === "identity" || !knowsNoPost.includes(answer.status)) return readToken(answer, wish);
  discard(answer);
  return readToken(await askByGet(wish, send), wish);
}

function askByGet(wish: TokenWish, send: Send): Promise<RegistryResponse> {
  const url = new URL(wish.realm);
  if (wish.service !== undefined) url.searchParams.set("service", wish.service);
  for (const scope of wish.scopes) url.searchParams.append("scope", scope);
  const login = wish.credentials?.kind === "login" ? wish.credentials : undefined;
  if (login !== undefined) url.searchParams.set("account", login.username);
  const headers: Record<string, string> = login === undefined ? {} : { authorization: basic(login) };
  return send({ method: "GET", url: url.href, headers });
}

function askByPost(
  wish: TokenWish,
  credentials: NonNullable<TokenWish["credentials"]>,
  send: Send,
): Promise<RegistryResponse> {
  const form = new URLSearchParams({ client_id: "devenv", scope: wish.scopes.join(" ") });
  if (wish.service !== undefined) form.set("service", wish.service);
  if (credentials.kind === "identity") {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", credentials.token);
  } else {
    form.set("grant_type", "password");
    form.set("username", credentials.username);
    form.set("password", credentials.password);
  }
  return send({
    method: "POST",
    url: wish.realm,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: () => Buffer.from(form.toString()),
  });
}

async function readToken(response: RegistryResponse, wish: TokenWish): Promise<Token> {
  if (response.status !== 200) throw await refusal(response, wish);
  const body = await readLimited(response, longestAnswer).catch(() => undefined);
  const answer = body === undefined ? undefined : parseJSON(body.toString("utf8"));
  const fields = isObject(answer) ? answer : {};
  const value = fields["token"] || fields["access_token"];
  // RFC 6750 section 2.1; anything else could not stand in a header.
  if (typeof value !== "string" || !/^[\w.~+/-]+=*$/.test(value)) {
    throw registryError(
      "DEVENV_REGISTRY_TOKEN",
      `${redactURL(response.url)}: the token server answered without a token`,
    );
  }
  const seconds = Number(fields["expires_in"]);
  const life = seconds > 0 ? seconds : shortestLife;
  // The clock of the token server need not go like ours, and a request takes its time.
  return { value, expires: Date.now() + life * 900 };
}

/** The server may quote what it was sent. */
async function refusal(response: RegistryResponse, wish: TokenWish): Promise<DevenvError> {
  const { credentials } = wish;
  const method = "token server";
  const error = await errorOfStatus(response, { method });
  if (credentials === undefined) return error;
  const secret = credentials.kind === "login" ? credentials.password : credentials.token;
  const message = redact(error.message, [secret]);
  // RFC 6749 section 5.2 answers wrong credentials with 400 too.
  const code = response.status === 400 ? "DEVENV_REGISTRY_UNAUTHORIZED" : error.code;
  return new DevenvError(code, `${message} (credentials from ${credentials.source})`, {
    hint: error.hint ?? loginHint,
  });
}

export function basic(login: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
}
