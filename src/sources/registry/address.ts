import { BlockList, isIP } from "node:net";
import { registryError } from "./errors.ts";
import { redactURL } from "./redact.ts";

/** What the host of a URL stands for, as far as its spelling tells. */
export type AddressKind = "public" | "private" | "loopback" | "forbidden";

const networks: readonly (readonly [AddressKind, string, number])[] = [
  ["loopback", "127.0.0.0", 8],
  ["loopback", "::1", 128],
  ["private", "10.0.0.0", 8],
  ["private", "172.16.0.0", 12],
  ["private", "192.168.0.0", 16],
  ["private", "100.64.0.0", 10],
  ["private", "fc00::", 7],
  ["forbidden", "0.0.0.0", 8],
  ["forbidden", "169.254.0.0", 16],
  ["forbidden", "224.0.0.0", 3],
  ["forbidden", "::", 128],
  ["forbidden", "fe80::", 10],
  ["forbidden", "ff00::", 8],
  // NAT64 (RFC 6052) would carry any of the IPv4 networks above.
  ["forbidden", "64:ff9b::", 96],
];

const lists = new Map<AddressKind, BlockList>();
for (const [kind, network, prefix] of networks) {
  const list = lists.get(kind) ?? new BlockList();
  list.addSubnet(network, prefix, isIP(network) === 6 ? "ipv6" : "ipv4");
  lists.set(kind, list);
}

/**
 * The kind of a host as `URL.hostname` spells it. Names are public but for `localhost` (RFC 6761): where they lead is
 * not looked up.
 */
export function addressKind(hostname: string): AddressKind {
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const family = isIP(host);
  if (family === 0) return /(^|\.)localhost$/i.test(host) ? "loopback" : "public";
  for (const [kind, list] of lists) if (list.check(host, family === 6 ? "ipv6" : "ipv4")) return kind;
  return "public";
}

/**
 * Checks a URL that an answer of `origin` leads to: a redirect, a token server, an upload's place. It must be https:
 * unless the registry itself is on plain http, and must not lead into a network that the registry is not in itself.
 *
 * @throws DevenvError `DEVENV_REGISTRY_INSECURE`
 */
export function checkHop(target: string, origin: string, role: string): void {
  const refuse = (reason: string) =>
    registryError("DEVENV_REGISTRY_INSECURE", `${origin}: ${role} ${redactURL(target)} ${reason}`);
  if (!URL.canParse(target)) throw refuse("is no URL");
  const to = new URL(target);
  const from = new URL(origin);
  if (to.protocol !== "https:" && !(to.protocol === "http:" && from.protocol === "http:")) {
    throw refuse("is not https:");
  }
  if (to.username !== "" || to.password !== "") throw refuse("holds credentials");
  if (to.hostname === from.hostname) return;
  const kind = addressKind(to.hostname);
  const own = addressKind(from.hostname);
  if (kind === "public" || (kind === own && kind !== "forbidden")) return;
  if (kind === "private" && own === "loopback") return;
  throw refuse(`leads to a ${kind === "forbidden" ? "link-local or reserved" : kind} address`);
}
