import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answer, type FakeRegistry, startFakeRegistry } from "./fake-registry.ts";

/** A token server of our own, whose tokens a docker-registry with `auth` believes. */
export interface TokenServer extends FakeRegistry {
  /** The `auth` section of the registry's configuration. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** The parameters of each request, in the order they came. */
  readonly asked: URLSearchParams[];
}

export const user = { name: "dev", password: "correct horse", identity: "an-identity-token" };

/** Everybody may pull what is in `public/`, the user everything. `knowsPost` is what the newer registries do. */
export async function startTokenServer(directory: string, knowsPost: boolean): Promise<TokenServer> {
  const key = join(directory, "token.key");
  const certificate = join(directory, "token.crt");
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ].concat([...["-subj", "/CN=token", "-keyout", key, "-out", certificate]]),
    { stdio: "pipe" },
  );
  const signer = {
    key: createPrivateKey(readFileSync(key)),
    chain: [new X509Certificate(readFileSync(certificate)).raw.toString("base64")],
  };
  const asked: URLSearchParams[] = [];
  const server = await startFakeRegistry((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://token");
    if (request.method === "POST" && !knowsPost) {
      answer(response, 405);
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      const parameters = request.method === "POST" ? new URLSearchParams(body) : searchParams;
      asked.push(parameters);
      const known = isUser(request.headers.authorization, parameters);
      if (known === false) answer(response, 401, {}, '{"errors":[{"code":"DENIED","message":"wrong"}]}');
      else {
        const token = tokenFor(parameters, known === true, signer);
        const name = request.method === "POST" ? "access_token" : "token";
        answer(response, 200, {}, JSON.stringify({ [name]: token, expires_in: 300 }));
      }
    });
  });
  const auth = {
    token: {
      realm: `${server.url}/token`,
      service: "test-registry",
      issuer: "test",
      rootcertbundle: certificate,
    },
  };
  return { ...server, auth, asked };
}

/** Undefined for nobody in particular. */
function isUser(authorization: string | undefined, parameters: URLSearchParams): boolean | undefined {
  if (parameters.get("grant_type") === "refresh_token")
    return parameters.get("refresh_token") === user.identity;
  if (parameters.get("grant_type") === "password") {
    return parameters.get("username") === user.name && parameters.get("password") === user.password;
  }
  if (authorization === undefined) return undefined;
  return authorization === `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
}

/** A JSON web token as distribution wants it ("Token Authentication Implementation"). */
function tokenFor(
  parameters: URLSearchParams,
  isKnown: boolean,
  { key, chain }: { readonly key: KeyObject; readonly chain: readonly string[] },
): string {
  const access = parameters
    .getAll("scope")
    .flatMap((scope) => scope.split(" "))
    .filter(Boolean)
    .map((scope) => {
      const [type, name = "", actions = ""] = scope.split(":");
      const granted = isKnown ? actions.split(",") : name.startsWith("public/") ? ["pull"] : [];
      return { type, name, actions: granted };
    });
  const now = Math.floor(Date.now() / 1000);
  const times = { exp: now + 300, nbf: now - 10, iat: now };
  const claims = {
    iss: "test",
    sub: "",
    aud: parameters.get("service"),
    jti: randomUUID(),
    access,
    ...times,
  };
  const parts = [{ typ: "JWT", alg: "ES256", x5c: chain }, claims];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}
