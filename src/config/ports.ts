import type { Node } from "jsonc-parser";
import type { Problem } from "./problem.ts";
import { arrayMember, stringMember } from "./syntax.ts";
import type { PublishedPort } from "./types.ts";

/** More than anybody needs, and as many as the sandbox program takes. */
const mostPorts = 100;

/** What an entry of `ports` means: `3000`, or `"8080:80"`. */
export function portOf(entry: number | string): PublishedPort {
  const [host, inside] = String(entry).split(":").map(Number);
  if (host === undefined) throw new Error(`Assertion failed: ${entry} passed the checks`);
  return { host, inside: inside ?? host };
}

/** What the schema cannot say of ports: each once, and none that the kind of network has no use for. */
export function checkPorts(root: Node): Problem[] {
  const isHost = stringMember(root, "network")?.value === "host";
  const ports = arrayMember(root, "ports").filter(({ value }) => /^[0-9]+(:[0-9]+)?$/.test(String(value)));
  const hostPorts = arrayMember(root, "hostPorts");
  return [
    ...repeated("ports", ports, ({ value }) => portOf(value as number | string).host),
    ...repeated("hostPorts", hostPorts, ({ value }) => value),
    ...(isHost ? needless(ports, hostPorts) : ambiguous(ports, hostPorts)),
  ];
}

function repeated(key: string, entries: readonly Node[], portOfEntry: (entry: Node) => unknown): Problem[] {
  const seen = new Set<unknown>();
  return entries.flatMap((entry, index) => {
    const port = portOfEntry(entry);
    const isRepeated = seen.has(port);
    seen.add(port);
    const place = `${key}[${index}]: found`;
    if (isRepeated)
      return [{ offset: entry.offset, message: `${place} port ${port} a second time, expected each once` }];
    if (index !== mostPorts) return [];
    return [{ offset: entry.offset, message: `${place} more than ${mostPorts} ports` }];
  });
}

/** A server in the host's own network is at its own port already. */
function needless(ports: readonly Node[], hostPorts: readonly Node[]): Problem[] {
  const other = ports.filter(({ value }) => {
    const { host, inside } = portOf(value as number | string);
    return host !== inside;
  });
  return [
    ...other.map(({ offset, value }) => ({
      offset,
      message: `ports: found ${JSON.stringify(value)} with "network": "host", where every server has its own number: expected "network": "private"`,
    })),
    ...hostPorts.map(({ offset, value }) => ({
      offset,
      message: `hostPorts: found ${value} with "network": "host", where every port of the host is reachable`,
    })),
  ];
}

/** One address inside cannot be the host's server and the environment's. */
function ambiguous(ports: readonly Node[], hostPorts: readonly Node[]): Problem[] {
  const inside = new Set(ports.map(({ value }) => portOf(value as number | string).inside));
  return hostPorts
    .filter(({ value }) => inside.has(value as number))
    .map(({ offset, value }) => ({
      offset,
      message: `hostPorts: found ${value}, which "ports" takes inside for a server of the environment`,
    }));
}
