import { isObject, parseJSON } from "../json.ts";
import { ask, askInTurn, forMirror, type RegistryClient, type Server, scopeOf } from "./client.ts";
import { registryError } from "./errors.ts";
import { linkTarget } from "./link.ts";
import { redactURL } from "./redact.ts";
import { isTag } from "./reference.ts";
import type { RegistryResponse } from "./transport.ts";
import type { Repository } from "./types.ts";
import { readWhole } from "./whole.ts";

const pagesAtMost = 1_000;
const tagsAtMost = 1_000_000;
/** Bytes of one page. */
const largestPage = 8 * 1024 * 1024;

/**
 * All tags of a repository, in the registry's order (OCI distribution specification, "Listing Tags"). A page may be
 * shorter than was asked for: only the registry's link says whether there are more.
 *
 * @throws DevenvError `DEVENV_REGISTRY_PROTOCOL` for a list that makes no sense or has no end,
 * `DEVENV_REGISTRY_INSECURE` when it goes on elsewhere, and those of {@link readWhole}.
 */
export function listTags(
  client: RegistryClient,
  repository: Repository,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  return askInTurn(client, repository, (server) => listFrom(server, options.signal));
}

async function listFrom(server: Server, signal: AbortSignal | undefined): Promise<string[]> {
  const tags = new Set<string>();
  const seen = new Set<string>();
  let page = () => ask(server, { method: "GET", path: "tags/list", query: { n: "1000" }, signal });
  for (;;) {
    const { response, bytes } = await readWhole(page, {
      limit: largestPage,
      patience: server.patience,
      signal,
    });
    for (const tag of tagsIn(bytes, redactURL(response.url))) tags.add(tag);
    const next = nextPage(response, server);
    if (next === undefined) return [...tags];
    if (seen.has(next) || seen.size >= pagesAtMost || tags.size > tagsAtMost) {
      throw registryError("DEVENV_REGISTRY_PROTOCOL", `GET ${redactURL(next)}: the list of tags has no end`);
    }
    seen.add(next);
    page = () => server.send({ method: "GET", url: next, scopes: [scopeOf(server, false)], signal });
  }
}

function tagsIn(bytes: Buffer, where: string): string[] {
  const page = parseJSON(bytes.toString("utf8"));
  // null is how some registries write the empty list.
  const tags: unknown = isObject(page) ? (page["tags"] ?? []) : undefined;
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) {
    throw registryError("DEVENV_REGISTRY_PROTOCOL", `GET ${where}: the answer is no list of tags`);
  }
  // What is no tag cannot be asked for, and might be anything.
  return tags.filter(isTag);
}

function nextPage(response: RegistryResponse, server: Server): string | undefined {
  const target = linkTarget(response.headers("link"), "next");
  if (target === undefined) return undefined;
  const next = URL.canParse(target, response.url) ? new URL(target, response.url) : undefined;
  if (next === undefined || next.origin !== new URL(server.endpoint.url).origin) {
    throw registryError(
      "DEVENV_REGISTRY_INSECURE",
      `GET ${redactURL(response.url)}: the list of tags goes on at another server: ${redactURL(next?.href ?? target)}`,
    );
  }
  return forMirror(next, server.endpoint).href;
}
