import { DevenvError } from "../../errors.ts";
import { backOff, isTemporary, type Patience, retryAfter } from "../../store/index.ts";
import { discard } from "./body.ts";
import { registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";
import type { RegistryRequest, RegistryResponse, Send } from "./transport.ts";

/** Registries count requests by the hour, so a client that comes back at once makes it worse. */
export const registryPatience: Patience = {
  tries: 5,
  firstDelay: 2_000,
  longestDelay: 60_000,
  stall: 30_000,
};

/** Failures of a connection that the same attempt would meet again. */
const lasting = /^(ENOTFOUND|ECONNREFUSED|EPROTO|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/**
 * Sends a request again, from its beginning, when there was no answer or a temporary one, after the time that the
 * server asks for. The last answer is given as it is.
 *
 * @throws DevenvError `DEVENV_REGISTRY_UNAVAILABLE` when there was no answer to the last try.
 */
export function retryTemporary(send: Send, patience: Patience): Send {
  return async (request) => {
    const { signal } = request;
    const triesAtMost = request.once === true ? 1 : patience.tries;
    for (let tries = 1; ; tries++) {
      const outcome = await tryOnce(send, request);
      signal?.throwIfAborted();
      let asked: number | undefined;
      if (outcome.response !== undefined) {
        const { response } = outcome;
        asked = retryAfter(response.header("retry-after"), Date.now());
        const final = !isTemporary(response.status) || tries >= triesAtMost;
        if (final || (asked ?? 0) > patience.longestDelay) return response;
        discard(response);
      } else if (tries >= triesAtMost || outcome.lasting) throw outcome.error;
      await backOff(tries, patience, asked, signal);
    }
  };
}

type Outcome =
  | { readonly response: RegistryResponse }
  | { readonly response?: undefined; readonly error: DevenvError; readonly lasting: boolean };

async function tryOnce(send: Send, request: RegistryRequest): Promise<Outcome> {
  try {
    return { response: await send(request) };
  } catch (cause) {
    if (cause instanceof DevenvError) throw cause;
    const { code, reason } = describeFailure(cause);
    const message = `${request.method} ${redactURL(request.url)}: no answer: ${reason}`;
    const error = registryError("DEVENV_REGISTRY_UNAVAILABLE", message, {
      hint: "Check the network, or set a mirror of the registry.",
      cause,
    });
    return { error, lasting: lasting.test(code) };
  }
}

/** What a connection failed with; undici wraps it in errors that say less. */
export function describeFailure(error: unknown): { readonly code: string; readonly reason: string } {
  if (!(error instanceof Error)) return { code: "", reason: String(error) };
  if (error.cause instanceof Error) return describeFailure(error.cause);
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  if (inner !== undefined) return describeFailure(inner);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return { code, reason: error.message || code || error.name };
}
