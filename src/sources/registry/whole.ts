import { backOff, type Patience } from "../../store/index.ts";
import { readLimited } from "./body.ts";
import { errorOfStatus, registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";
import { describeFailure } from "./retry.ts";
import type { RegistryResponse } from "./transport.ts";

export interface WholeOptions {
  /** Bytes. */
  readonly limit: number;
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The whole of a small answer with status 200; a connection that breaks in the middle makes it be asked for again.
 *
 * @throws DevenvError `DEVENV_REGISTRY_SIZE` beyond the limit, `DEVENV_REGISTRY_UNAVAILABLE` when every connection
 * breaks, and those of {@link errorOfStatus}.
 */
export async function readWhole(
  ask: () => Promise<RegistryResponse>,
  { limit, patience, signal }: WholeOptions,
): Promise<{ readonly response: RegistryResponse; readonly bytes: Buffer }> {
  for (let tries = 1; ; tries++) {
    const response = await ask();
    if (response.status !== 200) throw await errorOfStatus(response, { method: "GET" });
    const where = `GET ${redactURL(response.url)}`;
    let bytes: Buffer | undefined;
    try {
      bytes = await readLimited(response, limit);
    } catch (cause) {
      signal?.throwIfAborted();
      const message = `${where}: the connection broke: ${describeFailure(cause).reason}`;
      if (tries >= patience.tries) throw registryError("DEVENV_REGISTRY_UNAVAILABLE", message, { cause });
      await backOff(tries, patience, undefined, signal);
      continue;
    }
    if (bytes !== undefined) return { response, bytes };
    throw registryError("DEVENV_REGISTRY_SIZE", `${where}: the answer has more than ${limit} bytes`);
  }
}
