/** Parameters that tell where something is and open nothing. */
const harmless = new Set(["ns", "n", "last", "digest", "mount", "from", "service", "scope"]);

/** Shorter ones would mask words that only happen to be the same. */
const shortestSecret = 4;

/**
 * A URL as it may be shown: without user information and fragment, and with the values of those parameters masked
 * that could sign a request.
 */
export function redactURL(url: string): string {
  if (!URL.canParse(url)) return url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//");
  const { protocol, host, pathname, search } = new URL(url);
  const parameters = [...new URLSearchParams(search)].map(([name, value]) =>
    harmless.has(name) ? `${name}=${value}` : `${name}=***`,
  );
  return `${protocol}//${host}${pathname}${parameters.length === 0 ? "" : `?${parameters.join("&")}`}`;
}

/**
 * A message as it may be shown: no control or formatting characters but the line feed, and no URL's secrets,
 * authorization headers, tokens, nor any of the `secrets`. Characters go first, so that they cannot hide a token.
 */
export function redact(text: string, secrets: Iterable<string> = []): string {
  let shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => (character === "\n" ? "\n" : ""));
  const known = [...secrets].filter((secret) => secret.length >= shortestSecret);
  for (const secret of known.sort((a, b) => b.length - a.length)) shown = shown.replaceAll(secret, "***");
  return shown
    .replace(/\bhttps?:\/\/[^\s"'<>]+/gi, redactURL)
    .replace(/\b(Bearer|Basic)\s+[\w.~+/-]{16,}=*/gi, "$1 ***")
    .replace(/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, "***")
    .replace(/("[\w-]*(?:token|password|secret|auth)"\s*:\s*)"[^"]*"/gi, '$1"***"');
}

/** What a server said, for use inside a message: one line, not longer than `longest` characters. */
export function quoteForeign(text: string, longest = 300): string {
  const line = redact(text.replaceAll("\n", " ")).trim();
  return line.length <= longest ? line : `${line.slice(0, longest)}…`;
}
