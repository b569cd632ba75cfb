import { isDigest } from "./digest.ts";
import { registryError } from "./errors.ts";
import type { Reference } from "./types.ts";

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const registryPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:.]+\\])(?::\\d{1,5})?$`);
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** The host name counts, as Docker counts it. */
const longestName = 255;

/**
 * Reads an image's reference (OCI distribution specification, "Pulling manifests"; Docker's normalisation): without a
 * registry it is on `docker.io`, there without a namespace in `library/`, and without tag and digest it is `latest`.
 *
 * @throws DevenvError `DEVENV_REGISTRY_REFERENCE`
 */
export function parseReference(text: string): Reference {
  const wrong = (reason: string) =>
    registryError("DEVENV_REGISTRY_REFERENCE", `${JSON.stringify(text)} is no image reference: ${reason}`, {
      usage: true,
      hint: "Expected [REGISTRY/]REPOSITORY[:TAG][@DIGEST], as debian:bookworm-slim or ghcr.io/acme/base@sha256:….",
    });
  if (/^[a-z]+:\/\//i.test(text)) throw wrong("it has no scheme");
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw wrong(`${JSON.stringify(digest)} is no digest`);
  const tagged = at < 0 ? text : text.slice(0, at);
  const colon = tagged.lastIndexOf(":");
  const hasTag = colon > tagged.lastIndexOf("/");
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw wrong(`${JSON.stringify(tag)} is no tag`);
  const { registry, repository } = splitName(hasTag ? tagged.slice(0, colon) : tagged);
  if (!registryPattern.test(registry)) throw wrong(`${JSON.stringify(registry)} is no registry`);
  if (!repositoryPattern.test(repository)) throw wrong(`${JSON.stringify(repository)} is no repository name`);
  if (registry.length + repository.length >= longestName) throw wrong("it is too long");
  if (/^(library\/)?[0-9a-f]{64}$/.test(repository)) throw wrong("an image is not named by bare digits");
  return {
    registry,
    repository,
    ...(tag === undefined && digest === undefined ? { tag: "latest" } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** The canonical spelling, which {@link parseReference} reads as the same. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The first component is a registry when it could be no repository: a dot, a port, capitals, or `localhost`. */
function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:[A-Z]/.test(first) || first === "localhost";
  const registry = isRegistry ? first.toLowerCase() : "docker.io";
  const repository = isRegistry ? name.slice(slash + 1) : name;
  if (!["docker.io", "index.docker.io", "registry-1.docker.io"].includes(registry)) {
    return { registry, repository };
  }
  return {
    registry: "docker.io",
    repository: repository.includes("/") ? repository : `library/${repository}`,
  };
}
