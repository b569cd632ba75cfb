import { describe, expect, test } from "vitest";
import { formatReference, parseReference } from "../../../src/sources/registry/index.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const long = `sha512:${"0123456789abcdef".repeat(8)}`;

describe("a reference", () => {
  test.each([
    ["debian", "docker.io/library/debian:latest"],
    ["debian:bookworm-slim", "docker.io/library/debian:bookworm-slim"],
    ["acme/base", "docker.io/acme/base:latest"],
    ["docker.io/debian", "docker.io/library/debian:latest"],
    ["index.docker.io/acme/base", "docker.io/acme/base:latest"],
    [`debian@${digest}`, `docker.io/library/debian@${digest}`],
    [`debian:12@${long}`, `docker.io/library/debian:12@${long}`],
    ["ghcr.io/acme/base:1.0", "ghcr.io/acme/base:1.0"],
    ["localhost/base", "localhost/base:latest"],
    ["127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x"],
    ["[::1]:5000/base", "[::1]:5000/base:latest"],
    ["GHCR.io/acme/base", "ghcr.io/acme/base:latest"],
    ["acme/a__b.c--d", "docker.io/acme/a__b.c--d:latest"],
  ])("%s is %s", (text, canonical) => {
    expect(formatReference(parseReference(text))).toBe(canonical);
    expect(parseReference(canonical)).toEqual(parseReference(text));
  });

  test.each([
    "",
    ":latest",
    "Debian",
    "https://ghcr.io/acme/base",
    "debian:",
    "debian:-x",
    `debian:${"x".repeat(129)}`,
    "debian@sha256:1234",
    `debian@md5:${"0".repeat(32)}`,
    `debian@${digest.toUpperCase()}`,
    "acme//base",
    "acme/../base",
    "acme/base/",
    "ghcr.io/",
    "ghcr.io:/x",
    "user@ghcr.io/acme",
    "a b",
    "a\nb",
    "0123456789abcdef".repeat(4),
    `ghcr.io/${"a".repeat(250)}`,
  ])("%j is refused", (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: "DEVENV_REGISTRY_REFERENCE", usage: true }),
    );
  });
});
