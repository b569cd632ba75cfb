import { checkHop } from "./address.ts";
import { discard } from "./body.ts";
import { registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";
import type { RegistryRequest, Send } from "./transport.ts";

const redirectsAtMost = 10;

/** Header fields that are meant for one origin only (Fetch standard, "HTTP-redirect fetch"). */
const forOneOrigin = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * Follows redirects (RFC 9110 section 15.4). Credentials never leave their origin, every hop must be one that
 * {@link checkHop} allows, and a request that is no GET or HEAD stays at its origin.
 *
 * @throws DevenvError `DEVENV_REGISTRY_REDIRECT` for a chain without end or a hop that cannot be followed,
 * `DEVENV_REGISTRY_INSECURE` for one that must not be.
 */
export function followRedirects(send: Send): Send {
  return async (request) => {
    let current = request;
    for (let hops = 0; ; hops++) {
      const response = await send(current);
      if (![301, 302, 303, 307, 308].includes(response.status)) {
        return { ...response, redirected: new URL(response.url).origin !== new URL(request.url).origin };
      }
      discard(response);
      if (hops === redirectsAtMost) {
        throw refused(
          request,
          `more than ${redirectsAtMost} redirects, the last to ${redactURL(current.url)}`,
        );
      }
      current = nextRequest(request, current, response.header("location"), response.status);
    }
  };
}

function nextRequest(
  first: RegistryRequest,
  current: RegistryRequest,
  location: string | undefined,
  status: number,
): RegistryRequest {
  if (location === undefined || !URL.canParse(location, current.url)) {
    throw refused(first, `HTTP status ${status} without a place to go to`);
  }
  const target = new URL(location, current.url);
  target.hash = "";
  // From hop to hop: nothing that the registry may not lead to can be reached over a host that it may lead to.
  checkHop(target.href, current.url, "a redirect to");
  const sameOrigin = target.origin === new URL(current.url).origin;
  const reads = current.method === "GET" || current.method === "HEAD";
  if (!reads && !(sameOrigin && (status === 307 || status === 308))) {
    throw refused(
      first,
      `HTTP status ${status} to ${redactURL(target.href)}, which is followed only to read`,
    );
  }
  const headers = Object.entries(current.headers ?? {}).filter(
    ([name]) => sameOrigin || !forOneOrigin.has(name.toLowerCase()),
  );
  return { ...current, url: target.href, headers: Object.fromEntries(headers) };
}

function refused(request: RegistryRequest, reason: string) {
  return registryError("DEVENV_REGISTRY_REDIRECT", `${request.method} ${redactURL(request.url)}: ${reason}`);
}
