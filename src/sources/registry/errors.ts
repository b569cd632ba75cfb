import { DevenvError, type DevenvErrorOptions } from "../../errors.ts";
import { isObject, parseJSON } from "../json.ts";
import { readLimited } from "./body.ts";
import { quoteForeign, redact, redactURL } from "./redact.ts";
import type { RegistryResponse } from "./transport.ts";

/**
 * Every code of this room with how far towards the right content a request was that ended so: of several endpoints'
 * failures the one that came furthest says most.
 */
const progressOf = {
  DEVENV_REGISTRY_REFERENCE: 0,
  DEVENV_REGISTRY_INSECURE: 0,
  DEVENV_REGISTRY_UNAVAILABLE: 1,
  DEVENV_REGISTRY_REDIRECT: 2,
  DEVENV_REGISTRY_RATE_LIMIT: 2,
  DEVENV_REGISTRY_CHALLENGE: 3,
  DEVENV_REGISTRY_CREDENTIALS: 3,
  DEVENV_REGISTRY_TOKEN: 3,
  DEVENV_REGISTRY_UNAUTHORIZED: 4,
  DEVENV_REGISTRY_DENIED: 4,
  DEVENV_REGISTRY_NOT_FOUND: 5,
  DEVENV_REGISTRY_REFUSED: 5,
  DEVENV_REGISTRY_PROTOCOL: 6,
  DEVENV_REGISTRY_UPLOAD: 6,
  DEVENV_REGISTRY_SIZE: 7,
  DEVENV_REGISTRY_DIGEST: 7,
  DEVENV_REGISTRY_MEDIA_TYPE: 7,
  DEVENV_REGISTRY_MANIFEST: 7,
  DEVENV_REGISTRY_SCHEMA1: 7,
  DEVENV_REGISTRY_LAYER: 7,
  DEVENV_REGISTRY_PLATFORM: 8,
} as const;

export type RegistryErrorCode = keyof typeof progressOf;

/** An error of this room; the message is redacted. */
export function registryError(
  code: RegistryErrorCode,
  message: string,
  options: DevenvErrorOptions = {},
): DevenvError {
  return new DevenvError(code, redact(message), options);
}

/** How far a request was that failed so; undefined for an error of another room. */
export function progressBefore(error: unknown): number | undefined {
  if (!(error instanceof DevenvError) || !Object.hasOwn(progressOf, error.code)) return undefined;
  return progressOf[error.code as RegistryErrorCode];
}

/**
 * The error that an answer's status stands for, with what the registry says about it (OCI distribution
 * specification, "Error Codes"). The body is read or destroyed.
 */
export async function errorOfStatus(
  response: RegistryResponse,
  request: { readonly method: string },
): Promise<DevenvError> {
  const said = await whatRegistrySays(response);
  const { status } = response;
  const message = `${request.method} ${redactURL(response.url)}: HTTP status ${status}${said && `: ${said}`}`;
  if (status === 401) return registryError("DEVENV_REGISTRY_UNAUTHORIZED", message, { hint: loginHint });
  if (status === 403) return registryError("DEVENV_REGISTRY_DENIED", message, { hint: loginHint });
  if (status === 404) return registryError("DEVENV_REGISTRY_NOT_FOUND", message);
  if (status === 429) {
    const left = response.header("ratelimit-remaining");
    return registryError(
      "DEVENV_REGISTRY_RATE_LIMIT",
      left === undefined ? message : `${message} (ratelimit-remaining: ${quoteForeign(left, 60)})`,
      { hint: "Log in, set a mirror of the registry, or try again later." },
    );
  }
  if (status === 408 || status === 425 || status >= 500) {
    return registryError("DEVENV_REGISTRY_UNAVAILABLE", message, {
      hint: "Try again later, or set a mirror.",
    });
  }
  if (status >= 400) return registryError("DEVENV_REGISTRY_REFUSED", message);
  return registryError("DEVENV_REGISTRY_PROTOCOL", `${message}, which no registry should give here`);
}

export const loginHint =
  "Does it exist, and may you read it? `skopeo login`, `podman login` and `docker login` store credentials that are used here.";

/** Longer explanations are none. */
const longestErrorBody = 64 * 1024;

async function whatRegistrySays(response: RegistryResponse): Promise<string> {
  const body = await readLimited(response, longestErrorBody).catch(() => undefined);
  const parsed = body === undefined ? undefined : parseJSON(body.toString("utf8"));
  const errors = isObject(parsed) && Array.isArray(parsed["errors"]) ? parsed["errors"] : [];
  const sentences = errors
    .filter(isObject)
    .map(({ code, message }) =>
      [code, message].filter((part) => typeof part === "string" && part !== "").join(": "),
    );
  return quoteForeign(sentences.slice(0, 3).join("; "));
}
